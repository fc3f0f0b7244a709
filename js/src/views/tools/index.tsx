// Tools: the sums over the calls of each tool; the agents that use the chosen one, and its calls.
import { useMemo } from "preact/hooks";
import { integer } from "../../lib/format.ts";
import { joined, matcher } from "../../lib/search.ts";
import { newestFirst } from "../../lib/sort.ts";
import { oneLine } from "../../lib/text.ts";
import { agentUses, toolUses } from "../../lib/tool-use.ts";
import { Details } from "../../parts/details.tsx";
import { Frame } from "../../parts/frame.tsx";
import { Grid } from "../../parts/grid/grid.tsx";
import { knownColumns } from "../../parts/grid/known-columns.ts";
import { useApp, useSelection } from "../../state/context.ts";
import { type Facet, hostFacet, runQuery, useQuery } from "../../state/query.ts";
import { useWithin } from "../../state/stretch.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import { TOOL_STATUSES, type ToolCallsRow } from "../../store/tables.ts";
import { agentColumns, callColumns, toolColumns } from "./columns.tsx";
import { CALL_FIELDS, CallDetails } from "./details.tsx";

const facetsOf = (store: Shown): readonly Facet<ToolCallsRow>[] => [
  { key: "status", title: "status", values: (row) => [row.status], order: TOOL_STATUSES },
  { key: "agent_id", title: "agent", values: (row) => [row.agent_id], name: (id) => agentName(store, id), menu: true },
  hostFacet,
];

const text = (row: ToolCallsRow) => joined(row.name, row.status, row.input, row.output, row.error, row.agent_id);

/** Rows shown of the agents that use a tool, before they scroll. */
const AGENT_ROWS = 4;

export function Tools() {
  const { store, nav } = useApp();
  const { tool_calls: calls, agents } = store.tables;
  calls.version.value;
  agents.version.value;
  const all = calls.list();
  const rows = useMemo(() => newestFirst(all, (row) => row.at), [all]);
  const facets = useMemo(() => facetsOf(store), [store]);
  const every = useQuery("tools", rows, text, facets);
  const filter = nav.filter("tools");
  const chosen = filter.value.name?.[0] ?? null;
  const search = nav.search.value;
  const within = useWithin(rows);
  // How often a tool fails is a share of all its calls, also while only those that failed are listed.
  const whole = useMemo(() => {
    const { status = [], ...rest } = filter.value;
    return status.length === 0 ? every.rows : runQuery(within, matcher(search, text), facets, rest).rows;
  }, [every.rows]);
  const query = useMemo(
    () => (chosen === null ? every : { ...every, rows: every.rows.filter((row) => row.name === chosen) }),
    [every.rows, chosen],
  );
  return (
    <Frame
      table="tool_calls"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["call", "calls"]}
      nothing="Tool calls appear here as agents make them: reading a file, running a command, searching."
      details={(row) => (
        <Details table="tool_calls" row={row} title={row.name ?? "tool call"} without={CALL_FIELDS}>
          <CallDetails row={row} />
        </Details>
      )}
    >
      <div class={`stacked ${chosen === null ? "" : "chosen"}`}>
        <Uses rows={whole} among={every.rows} chosen={chosen} question={every.question} />
        {chosen !== null && <Users rows={query.rows} tool={chosen} question={query.question} />}
        <Calls rows={query.rows} tool={chosen} question={query.question} />
      </div>
    </Frame>
  );
}

interface PartProps {
  readonly rows: readonly ToolCallsRow[];
  readonly question: string;
}

interface UsesProps extends PartProps {
  /** The calls that are listed: only their tools are shown, those with most of them first. */
  readonly among: readonly ToolCallsRow[];
  readonly chosen: string | null;
}

function Uses({ rows, among, chosen, question }: UsesProps) {
  const { nav } = useApp();
  const filter = nav.filter("tools");
  const uses = useMemo(() => {
    if (among === rows) return toolUses(rows);
    const order = new Map(toolUses(among).map(({ id }, i) => [id, i]));
    return toolUses(rows)
      .filter(({ id }) => order.has(id))
      .sort((a, b) => order.get(a.id)! - order.get(b.id)!);
  }, [rows, among]);
  const columns = useMemo(() => knownColumns(toolColumns(rows.length), uses), [uses]);
  const choose = (name: string | null) => {
    filter.value = { ...filter.value, name: name === null || name === chosen ? [] : [name] };
  };
  return (
    <div class="stack" style={{ "--stack-rows": uses.length + 1 }}>
      <Grid
        label="Tools"
        columns={columns}
        rows={uses}
        sort={nav.sort("tools")}
        question={question}
        selected={chosen}
        onSelect={choose}
      />
    </div>
  );
}

function Users({ rows, tool, question }: PartProps & { tool: string }) {
  const { store, nav } = useApp();
  const filter = nav.filter("tools");
  const uses = useMemo(() => agentUses(rows), [rows]);
  const columns = useMemo(() => knownColumns(agentColumns(store, rows.length), uses), [store, uses]);
  const chosen = filter.value.agent_id?.[0] ?? null;
  if (uses.length === 0) return null;
  const choose = (id: string | null) => {
    filter.value = { ...filter.value, agent_id: id === null || id === chosen ? [] : [id] };
  };
  return (
    <div class="stack" style={{ "--stack-rows": Math.min(AGENT_ROWS, uses.length) + 1 }}>
      <Grid
        label={`Agents that use ${oneLine(tool)}, ${integer(uses.length)}`}
        columns={columns}
        rows={uses}
        sort={nav.sort("tools", "agents")}
        question={question}
        selected={chosen}
        onSelect={choose}
      />
    </div>
  );
}

function Calls({ rows, tool, question }: PartProps & { tool: string | null }) {
  const { store, nav } = useApp();
  const { tool_calls: calls } = store.tables;
  const columns = useMemo(() => callColumns(store).filter(({ key }) => key !== "name" || tool === null), [store, tool]);
  const shown = useMemo(() => {
    const known = knownColumns(columns, rows);
    // Where nothing else is known of the calls, the tool is what they are about.
    return known.some(({ lead }) => lead)
      ? known
      : known.map((column) => (column.key === "name" ? { ...column, min: 130 } : column));
  }, [columns, rows]);
  return (
    <Grid
      label={tool === null ? "Calls" : `Calls of ${oneLine(tool)}`}
      columns={shown}
      rows={rows}
      sort={nav.sort("tools", "calls")}
      question={question}
      latest={calls.rows}
      changedAt={calls.changedAt}
      {...useSelection("tool_calls")}
    />
  );
}
