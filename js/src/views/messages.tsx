// Messages: who said what to whom, the newest first. Heartbeats are state, not news: hidden unless asked for.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { exactTime, integer, stamp, words } from "../format.ts";
import { AgentName, agentName } from "../parts/agentname.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { KindPill } from "../parts/kind.tsx";
import { Switch } from "../parts/switch.tsx";
import { Line } from "../parts/text.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { newestFirst } from "../sorting.ts";
import type { Shown } from "../store.ts";
import type { MessagesRow } from "../tables.ts";

const HEARTBEAT = "heartbeat";

const facetsOf = (store: Shown): readonly Facet<MessagesRow>[] => [
  { key: "kind", title: "kind", values: (row) => [row.kind] },
  {
    key: "agent",
    title: "agent",
    values: (row) => (row.sender === row.recipient ? [row.sender] : [row.sender, row.recipient]),
    name: (id) => agentName(store, id),
    menu: true,
  },
];

const columnsOf = (store: Shown): readonly Column<MessagesRow>[] => [
  {
    key: "at",
    title: "time",
    min: 96,
    rank: 1,
    value: (row) => row.at,
    cell: (row) => (
      <span class="muted figures" title={exactTime(row.at)}>
        {stamp(row.at, store.now.value)}
      </span>
    ),
  },
  {
    key: "sender",
    title: "from → to",
    min: 150,
    grow: 3,
    value: (row) => row.sender && agentName(store, row.sender),
    cell: (row) => (
      <span class="route">
        <AgentName id={row.sender} />
        <span class="muted" aria-label="to">
          →
        </span>
        <AgentName id={row.recipient} />
      </span>
    ),
  },
  {
    key: "kind",
    title: "kind",
    min: 118,
    rank: 2,
    value: (row) => row.kind,
    cell: (row) => <KindPill kind={row.kind} />,
  },
  { key: "text", title: "text", min: 120, grow: 5, cell: (row) => <Line text={row.text} /> },
];

export function Messages() {
  const { store, nav } = useApp();
  const { messages, agents } = store.tables;
  messages.version.value;
  agents.version.value;
  const facets = useMemo(() => facetsOf(store), [store]);
  const columns = useMemo(() => columnsOf(store), [store]);
  const text = (row: MessagesRow) =>
    joined(row.sender && agentName(store, row.sender), row.recipient && agentName(store, row.recipient), row.kind, row.text);
  const beats = nav.switch("messages", "heartbeats");
  const wanted = beats.value || (nav.filter("messages").value.kind?.includes(HEARTBEAT) ?? false);
  const all = messages.list();
  const { rows, hidden } = useMemo(() => {
    const kept = wanted ? all : all.filter((row) => row.kind !== HEARTBEAT);
    return { rows: newestFirst(kept, (row) => row.at), hidden: all.length - kept.length };
  }, [all, wanted]);
  const query = useQuery("messages", rows, text, facets);
  const selected = nav.selected.value?.table === "messages" ? nav.selected.value.id : null;
  return (
    <Frame
      view="messages"
      table="messages"
      facets={facets}
      query={query}
      total={rows.length}
      nouns={["message", "messages"]}
      nothing="What agents say to each other, and to you, appears here."
      tools={
        (hidden > 0 || beats.value) && (
          <Switch on={beats}>{beats.value ? "heartbeats shown" : `${integer(hidden)} heartbeats hidden`}</Switch>
        )
      }
      details={(row) => <Details table="messages" row={row} title={row.kind ? words(row.kind) : "message"} />}
    >
      <Grid
        label="Messages"
        columns={columns}
        rows={query.rows}
        sort={nav.sort("messages")}
        question={`${query.question} ${wanted}`}
        latest={messages.rows}
        changedAt={messages.changedAt}
        selected={selected}
        onSelect={(id) => nav.select("messages", id)}
      />
    </Frame>
  );
}
