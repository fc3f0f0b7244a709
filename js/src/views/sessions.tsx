// Sessions: one line for each conversation or run, the latest first.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { UNKNOWN, duration, exactTime, integer, money, short, when, words } from "../format.ts";
import { agentColumn } from "../parts/agent-column.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { StatusMark } from "../parts/status.tsx";
import { Line } from "../parts/text.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { newestFirst } from "../sorting.ts";
import type { Shown } from "../store.ts";
import { SESSION_STATUSES, type SessionsRow } from "../tables.ts";

const facets: readonly Facet<SessionsRow>[] = [
  { key: "status", title: "status", values: (row) => [row.status], order: SESSION_STATUSES },
  { key: "model", title: "model", values: (row) => [row.model], menu: true },
  { key: "project", title: "project", values: (row) => [row.project], menu: true },
  { key: "source", title: "source", values: (row) => [row.source], menu: true },
];

const text = (row: SessionsRow) =>
  joined(row.id, row.title, row.project, row.branch, row.status, row.agent_id, row.model, row.path);

/** All tokens that went through the model, from a cache or not. */
function tokens(row: SessionsRow): number | null {
  const parts = [row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens];
  return parts.every((part) => part === null) ? null : parts.reduce<number>((sum, part) => sum + (part ?? 0), 0);
}

const figure = (
  key: "messages" | "tool_calls" | "files_changed",
  title: string,
  rank: number,
): Column<SessionsRow> => ({
  key,
  title,
  min: 62,
  rank,
  end: true,
  value: (row) => row[key],
  cell: (row) => integer(row[key]),
});

const columnsOf = (store: Shown): readonly Column<SessionsRow>[] => [
  {
    key: "title",
    title: "session",
    min: 150,
    grow: 4,
    value: (row) => row.title,
    cell: (row) => (
      <span class="with-mark">
        <StatusMark status={row.status} />
        <Line text={row.title ?? row.id} />
      </span>
    ),
  },
  { key: "status", title: "status", min: 52, rank: 6, value: (row) => row.status, cell: (row) => words(row.status) },
  agentColumn(store, "agent_id", { title: "agent", rank: 4 }),
  {
    key: "started_at",
    title: "started",
    min: 90,
    rank: 1,
    value: (row) => row.started_at,
    cell: (row) => (
      <span class="muted" title={exactTime(row.started_at)}>
        {when(row.started_at, store.now.value)}
      </span>
    ),
  },
  {
    key: "duration_ms",
    title: "duration",
    min: 84,
    rank: 2,
    end: true,
    value: (row) => row.duration_ms,
    cell: (row) => duration(row.duration_ms),
  },
  figure("messages", "messages", 5),
  figure("tool_calls", "tools", 3),
  figure("files_changed", "files", 7),
  {
    key: "tokens",
    title: "tokens",
    min: 58,
    rank: 5,
    end: true,
    value: tokens,
    cell: (row) => <span title={`${integer(tokens(row))} tokens, cache included`}>{short(tokens(row))}</span>,
  },
  {
    key: "cost_usd",
    title: "cost",
    min: 66,
    rank: 3,
    end: true,
    value: (row) => row.cost_usd,
    cell: (row) => {
      // Without tokens there is nothing to price.
      const cost = row.cost_usd === null && tokens(row) === null ? UNKNOWN : money(row.cost_usd);
      return <span class={row.cost_usd === null ? "muted" : ""}>{cost}</span>;
    },
  },
];

export function Sessions() {
  const { store, nav } = useApp();
  const { sessions, agents } = store.tables;
  sessions.version.value;
  agents.version.value;
  const all = sessions.list();
  const rows = useMemo(() => newestFirst(all, (row) => row.started_at ?? row.updated_at), [all]);
  const query = useQuery("sessions", rows, text, facets);
  const columns = useMemo(() => columnsOf(store), [store]);
  return (
    <Frame
      view="sessions"
      table="sessions"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["session", "sessions"]}
      nothing="A session appears here with the first line an agent writes to its transcript."
      details={(row) => <Details table="sessions" row={row} title={row.title ?? row.id} />}
    >
      <Grid
        label="Sessions"
        columns={columns}
        rows={query.rows}
        sort={nav.sort("sessions")}
        question={query.question}
        latest={sessions.rows}
        changedAt={sessions.changedAt}
        selected={nav.selected.value?.table === "sessions" ? nav.selected.value.id : null}
        onSelect={(id) => nav.select("sessions", id)}
      />
    </Frame>
  );
}
