// Agents: the live ones as a tree, people apart from them, those that went silent folded away.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { agentName } from "../parts/agentname.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { Grid } from "../parts/grid.tsx";
import { isHuman } from "../parts/lanes-index.ts";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { AGENT_STATUSES, type AgentsRow } from "../tables.ts";
import { agentColumns } from "./agents-columns.tsx";
import { type AgentItem, arrange } from "./agents-tree.ts";

const MINUTE_MS = 60_000;

/** Who is done, failed or of unknown status is gone after this long without a sign. */
const PRESENCE_MS = 60 * MINUTE_MS;

const facets: readonly Facet<AgentsRow>[] = [
  { key: "status", title: "status", values: (row) => [row.status], order: AGENT_STATUSES },
  { key: "role", title: "role", values: (row) => [row.role], menu: true },
  { key: "model", title: "model", values: (row) => [row.model], menu: true },
  { key: "project", title: "project", values: (row) => [row.project], menu: true },
  { key: "source", title: "source", values: (row) => [row.source], menu: true },
];

const text = (row: AgentsRow) =>
  joined(row.id, row.name, row.role, row.status, row.status_reason, row.activity, row.model, row.project);

export function Agents() {
  const { store, nav } = useApp();
  const { agents, tasks } = store.tables;
  agents.version.value;
  tasks.version.value;
  const all = agents.list();
  const query = useQuery("agents", all, text, facets);
  const sort = nav.sort("agents");
  const selected = nav.selected.value?.table === "agents" ? nav.selected.value.id : null;
  const selectedStatus = selected === null ? undefined : agents.rows.get(selected)?.status;
  const columns = useMemo(() => agentColumns(store), [store]);
  // What is searched for is shown, and so is what is selected.
  const narrowed = query.rows.length !== all.length;
  const open = AGENT_STATUSES.filter(
    (status) => narrowed || status === selectedStatus || nav.switch("agents", status).value,
  ).join(" ");
  const minute = Math.floor(store.now.value / MINUTE_MS);
  const by = sort.value;
  const items = useMemo(() => {
    const value = columns.find((column) => column.key === by?.column)?.value;
    return arrange(query.rows, {
      since: minute * MINUTE_MS - PRESENCE_MS,
      open: (status) => open.split(" ").includes(status),
      order: by !== null && value ? { value, descending: by.descending } : null,
    });
  }, [query.rows, open, minute, by, columns]);
  const fold = (id: string) => {
    if (id === "people") return;
    const unfolded = nav.switch("agents", id);
    unfolded.value = !unfolded.value;
  };
  const hasPeople = all.some(isHuman);
  return (
    <Frame
      view="agents"
      table="agents"
      facets={facets}
      query={query}
      total={all.length}
      nouns={hasPeople ? ["agent or person", "agents and people"] : ["agent", "agents"]}
      nothing="Agents appear here as soon as one writes to a watched folder."
      details={(row) => <Details table="agents" row={row} title={agentName(store, row.id)} />}
    >
      <Grid<AgentItem>
        label="Agents"
        columns={columns}
        rows={items}
        sort={sort}
        sorted
        question={`${query.question} ${open}`}
        changedAt={agents.changedAt}
        selected={selected}
        onSelect={(id) => nav.select("agents", id)}
        band={(item) => item.band}
        onBand={fold}
        rowClass={(item) => (item.agent?.status === "offline" ? "faint" : "")}
      />
    </Frame>
  );
}
