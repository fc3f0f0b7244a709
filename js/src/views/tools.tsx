// Tools: how each tool fares over all its calls, and the calls of the chosen one.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { ago, duration, exactTime, integer, percent, when, words } from "../format.ts";
import { agentColumn } from "../parts/agent-column.tsx";
import { agentName } from "../parts/agentname.tsx";
import { Bar } from "../parts/bar.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { StatusMark } from "../parts/status.tsx";
import { Line, oneLine } from "../parts/text.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { newestFirst } from "../sorting.ts";
import type { Shown } from "../store.ts";
import { TOOL_STATUSES, type ToolCallsRow } from "../tables.ts";
import { type ToolUse, toolUses } from "./tools-use.ts";

const facetsOf = (store: Shown): readonly Facet<ToolCallsRow>[] => [
  { key: "status", title: "status", values: (row) => [row.status], order: TOOL_STATUSES },
  { key: "agent_id", title: "agent", values: (row) => [row.agent_id], name: (id) => agentName(store, id), menu: true },
];

const text = (row: ToolCallsRow) => joined(row.name, row.status, row.input, row.output, row.error, row.agent_id);

const toolColumns = (store: Shown, most: number): readonly Column<ToolUse>[] => [
  {
    key: "name",
    title: "tool",
    min: 120,
    grow: 2,
    value: (use) => use.id,
    cell: (use) => <strong class="line">{oneLine(use.id)}</strong>,
  },
  {
    key: "calls",
    title: "calls",
    min: 56,
    end: true,
    value: (use) => use.calls,
    cell: (use) => integer(use.calls),
  },
  { key: "share", title: "", min: 90, grow: 2, rank: 3, cell: (use) => <Bar part={use.calls / most} /> },
  {
    key: "errors",
    title: "errors",
    min: 92,
    rank: 1,
    end: true,
    value: (use) => use.errors / use.calls,
    cell: (use) =>
      use.errors === 0 ? (
        <span class="muted">none</span>
      ) : (
        <span class="bad">
          {integer(use.errors)} · {percent(use.errors / use.calls)}
        </span>
      ),
  },
  {
    key: "median",
    title: "median",
    min: 84,
    rank: 1,
    end: true,
    value: (use) => use.median,
    cell: (use) => duration(use.median),
  },
  { key: "p95", title: "p95", min: 84, rank: 2, end: true, value: (use) => use.p95, cell: (use) => duration(use.p95) },
  {
    key: "last",
    title: "last used",
    min: 80,
    rank: 2,
    end: true,
    value: (use) => use.lastAt,
    cell: (use) => (
      <span class="muted" title={exactTime(use.lastAt)}>
        {ago(use.lastAt, store.now.value)}
      </span>
    ),
  },
];

const callColumns = (store: Shown): readonly Column<ToolCallsRow>[] => [
  {
    key: "at",
    title: "time",
    min: 96,
    value: (row) => row.at,
    cell: (row) => (
      <span class="with-mark">
        <StatusMark status={row.status} />
        <span class="muted" title={exactTime(row.at)}>
          {when(row.at, store.now.value)}
        </span>
      </span>
    ),
  },
  agentColumn(store, "agent_id", { title: "agent", rank: 2 }),
  {
    key: "input",
    title: "call",
    min: 130,
    grow: 4,
    cell: (row) =>
      row.error !== null ? <Line class="bad" text={row.error} /> : <Line class="mono" text={row.input ?? row.name} />,
  },
  {
    key: "duration_ms",
    title: "duration",
    min: 84,
    rank: 1,
    end: true,
    value: (row) => row.duration_ms,
    cell: (row) => (row.duration_ms === null ? <span class="muted">{words(row.status)}</span> : duration(row.duration_ms)),
  },
];

export function Tools() {
  const { store, nav } = useApp();
  const { tool_calls: calls, agents } = store.tables;
  calls.version.value;
  agents.version.value;
  const all = calls.list();
  const rows = useMemo(() => newestFirst(all, (row) => row.at), [all]);
  const facets = useMemo(() => facetsOf(store), [store]);
  const every = useQuery("tools", rows, text, facets);
  const uses = useMemo(() => toolUses(every.rows), [every.rows]);
  const most = uses[0]?.calls ?? 1;
  const columns = useMemo(() => toolColumns(store, most), [store, most]);
  const columnsOfCalls = useMemo(() => callColumns(store), [store]);
  const filter = nav.filter("tools");
  const selected = nav.selected.value?.table === "tool_calls" ? nav.selected.value.id : null;
  const chosen = filter.value.name?.[0] ?? null;
  const query = useMemo(
    () => (chosen === null ? every : { ...every, rows: every.rows.filter((row) => row.name === chosen) }),
    [every.rows, chosen],
  );
  const choose = (name: string | null) => {
    filter.value = { ...filter.value, name: name === null || name === chosen ? [] : [name] };
  };
  return (
    <Frame
      view="tools"
      table="tool_calls"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["call", "calls"]}
      nothing="Tool calls appear here as agents make them."
      details={(row) => <Details table="tool_calls" row={row} title={row.name ?? "tool call"} />}
    >
      <div class="stacked" style={{ "--stacked-rows": uses.length + 1 }}>
        <Grid
          label="Tools"
          columns={columns}
          rows={uses}
          sort={nav.sort("tools")}
          question={every.question}
          selected={chosen}
          onSelect={choose}
        />
        <Grid
          label={chosen === null ? "Calls" : `Calls of ${chosen}`}
          columns={columnsOfCalls}
          rows={query.rows}
          sort={nav.sort("tools", "calls")}
          question={query.question}
          latest={calls.rows}
          changedAt={calls.changedAt}
          selected={selected}
          onSelect={(id) => nav.select("tool_calls", id)}
        />
      </div>
    </Frame>
  );
}
