// Logs: every line in the order of time, following the newest until the reader scrolls up.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { exactTime, stamp, timeOfDay } from "../format.ts";
import { AgentName, agentName } from "../parts/agentname.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { StatusMark } from "../parts/status.tsx";
import { Switch } from "../parts/switch.tsx";
import { Line } from "../parts/text.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { newestFirst } from "../sorting.ts";
import type { Shown } from "../store.ts";
import { LOG_LEVELS, type LogsRow } from "../tables.ts";
import { type LogLine, collapse } from "./logs-collapse.ts";

const facetsOf = (store: Shown): readonly Facet<LogsRow>[] => [
  { key: "level", title: "level", values: (row) => [row.level], order: LOG_LEVELS },
  { key: "logger", title: "logger", values: (row) => [row.logger], menu: true },
  { key: "agent_id", title: "agent", values: (row) => [row.agent_id], name: (id) => agentName(store, id), menu: true },
];

const text = (row: LogsRow) => joined(row.level, row.logger, row.agent_id, row.text);

const columnsOf = (store: Shown): readonly Column<LogLine>[] => [
  {
    key: "at",
    title: "time",
    min: 130,
    cell: ({ row }) => (
      <span class="with-mark">
        <StatusMark status={row.level} label={row.level ?? "unknown level"} />
        <span class="muted" title={exactTime(row.at)}>
          {stamp(row.at, store.now.value)}
        </span>
      </span>
    ),
  },
  {
    key: "level",
    title: "level",
    min: 58,
    rank: 1,
    cell: ({ row }) => <Line text={row.level} />,
  },
  { key: "logger", title: "logger", min: 110, rank: 3, cell: ({ row }) => <Line class="muted" text={row.logger} /> },
  { key: "agent_id", title: "agent", min: 130, rank: 2, cell: ({ row }) => <AgentName id={row.agent_id} /> },
  {
    key: "text",
    title: "text",
    min: 140,
    grow: 1,
    cell: ({ row, count, lastAt }) => (
      <span class="repeated">
        <Line text={row.text} />
        {count > 1 && (
          <span class="pill" title={`the same line ${count} times until ${timeOfDay(lastAt)}`}>
            ×{count}
          </span>
        )}
      </span>
    ),
  },
];

export function Logs() {
  const { store, nav } = useApp();
  const { logs, agents } = store.tables;
  logs.version.value;
  agents.version.value;
  const all = logs.list();
  const rows = useMemo(() => newestFirst(all, (row) => row.at).reverse(), [all]);
  const facets = useMemo(() => facetsOf(store), [store]);
  const columns = useMemo(() => columnsOf(store), [store]);
  const query = useQuery("logs", rows, text, facets);
  const separate = nav.switch("logs", "separate");
  const lines = useMemo(() => collapse(query.rows, !separate.value), [query.rows, separate.value]);
  return (
    <Frame
      view="logs"
      table="logs"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["line", "lines"]}
      nothing="Log lines of the agents and their tools appear here."
      tools={
        <Switch on={separate} title="Equal lines in a row are shown as one with a count">
          show repeats
        </Switch>
      }
      details={(row) => <Details table="logs" row={row} title={`${row.level ?? "log"} ${timeOfDay(row.at)}`} />}
    >
      <Grid<LogLine>
        label="Log lines, the newest at the end"
        columns={columns}
        rows={lines}
        sort={nav.sort("logs")}
        question={`${query.question} ${separate.value}`}
        selected={nav.selected.value?.table === "logs" ? nav.selected.value.id : null}
        onSelect={(id) => nav.select("logs", id)}
        rowClass={({ row }) => (row.level === "debug" ? "faint" : "")}
        follow
        mono
      />
    </Frame>
  );
}
