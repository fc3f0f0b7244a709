// Logs: every line in the order of time, following the newest until the reader scrolls up.
import { useMemo } from "preact/hooks";
import { integer, timeOfDay } from "../../lib/format.ts";
import { finder, joined, patternProblem } from "../../lib/search.ts";
import { newestFirst } from "../../lib/sort.ts";
import { AgentName } from "../../parts/agent-name.tsx";
import { Details } from "../../parts/details.tsx";
import { Found } from "../../parts/found.tsx";
import { Frame } from "../../parts/frame.tsx";
import { Grid } from "../../parts/grid/grid.tsx";
import { knownColumns } from "../../parts/grid/known-columns.ts";
import type { Column } from "../../parts/grid/types.ts";
import { StatusMark } from "../../parts/status.tsx";
import { Switch } from "../../parts/switch.tsx";
import { Time } from "../../parts/time.tsx";
import { useApp, useSelection } from "../../state/context.ts";
import { type Facet, hostFacet, useQuery } from "../../state/query.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import { LOG_LEVELS, type LogsRow } from "../../store/tables.ts";
import { collapse, type LogLine } from "./collapse.ts";
import { LINE_FIELDS, LineDetails } from "./details.tsx";

const facetsOf = (store: Shown): readonly Facet<LogsRow>[] => [
  { key: "level", title: "level", values: (row) => [row.level], order: LOG_LEVELS },
  { key: "logger", title: "logger", values: (row) => [row.logger], menu: true },
  { key: "agent_id", title: "agent", values: (row) => [row.agent_id], name: (id) => agentName(store, id), menu: true },
  hostFacet,
];

const text = (row: LogsRow) => joined(row.level, row.logger, row.agent_id, row.text);

/** A line that says only that somebody is there, as messages of the kind "heartbeat" do; a warning about one stays. */
const HEARTBEAT = /^[\w: ]{0,24}\bheart-?beat(?: \([^)]*\))?\.?$/i;
const QUIET = new Set(["debug", "info", null]);
const isHeartbeat = ({ level, text }: LogsRow): boolean => QUIET.has(level) && HEARTBEAT.test(text ?? "");

interface Look {
  /** Whether every line is of the day that is shown: then the date is left out. */
  readonly today: boolean;
  readonly finder: RegExp | null;
}

const columnsOf = ({ today, finder }: Look): readonly Column<LogLine>[] => [
  {
    key: "at",
    title: "time",
    min: today ? 84 : 130,
    cell: ({ row }) => (
      <span class="with-mark">
        <StatusMark status={row.level} label={row.level ?? "unknown level"} />
        <Time at={row.at} fits="clock" seconds />
      </span>
    ),
  },
  {
    key: "logger",
    title: "logger",
    min: 96,
    rank: 2,
    value: ({ row }) => row.logger,
    cell: ({ row }) => <Found class="muted" text={row.logger} finder={finder} />,
  },
  {
    key: "agent_id",
    title: "agent",
    min: 118,
    rank: 1,
    value: ({ row }) => row.agent_id,
    cell: ({ row }) => (row.agent_id === null ? null : <AgentName id={row.agent_id} />),
  },
  {
    key: "text",
    lead: true,
    title: "text",
    min: 140,
    grow: 1,
    cell: ({ row, count, lastAt }) => (
      <span class="repeated">
        <Found class={INKS[row.level ?? ""] ?? ""} text={row.text} finder={finder} />
        {count > 1 && (
          <span class="pill" title={`the same line ${count} times until ${timeOfDay(lastAt)}`}>
            ×{count}
          </span>
        )}
      </span>
    ),
  },
];

/** The levels that ask for attention; the mark in front shows it without colour. */
const INKS: Readonly<Record<string, string>> = { warning: "ink-waiting", error: "bad", critical: "bad" };

/** Lines stay in the order of time: a heading that sorted them would tear apart what belongs together. */
const unsorted = (columns: readonly Column<LogLine>[]) => columns.map(({ value, ...column }) => column);

export function Logs() {
  const { store, nav } = useApp();
  const { logs, agents } = store.tables;
  logs.version.value;
  agents.version.value;
  const all = logs.list();
  const beats = nav.switch("logs", "heartbeats");
  const { rows, hidden } = useMemo(() => {
    const kept = beats.value ? all : all.filter((row) => !isHeartbeat(row));
    return { rows: newestFirst(kept, (row) => row.at).reverse(), hidden: all.length - kept.length };
  }, [all, beats.value]);
  const facets = useMemo(() => facetsOf(store), [store]);
  const query = useQuery("logs", rows, text, facets);
  const separate = nav.switch("logs", "separate");
  const lines = useMemo(() => collapse(query.rows, !separate.value), [query.rows, separate.value]);
  const search = nav.search.value;
  const oldest = rows[0]?.at ?? null;
  const today = oldest !== null && new Date(oldest).toDateString() === new Date(store.now.value).toDateString();
  const columns = useMemo(() => {
    const look = columnsOf({ today, finder: finder(search) });
    return unsorted(knownColumns(look, lines));
  }, [today, search, lines]);
  const following = nav.switch("logs", "following", true);
  const problem = patternProblem(search);
  return (
    <Frame
      table="logs"
      facets={facets}
      query={query}
      total={rows.length}
      nouns={["line", "lines"]}
      nothing="Log lines of the agents and their tools appear here: what they report, errors of their models, watchdogs."
      tools={
        <>
          <Switch on={following} title="Stay at the newest line; off, lines wait until you let them in">
            follow
          </Switch>
          {(hidden > 0 || beats.value) && (
            <Switch on={beats} title="Show the lines that only say that an agent is there">
              heartbeats <span class="chip-count">{integer(hidden)}</span>
            </Switch>
          )}
          <Switch on={separate} title="Show equal lines in a row one by one, not as one with a count">
            repeats
          </Switch>
          {problem !== null && <span class="ink-waiting">{problem}</span>}
        </>
      }
      details={(row) => (
        <Details table="logs" row={row} title={row.logger ?? "log line"} without={LINE_FIELDS}>
          <LineDetails row={row} lines={rows} />
        </Details>
      )}
    >
      <Grid<LogLine>
        label="Log lines, the newest at the end"
        columns={columns}
        rows={lines}
        sort={nav.sort("logs")}
        question={`${query.question} ${separate.value}`}
        {...useSelection("logs")}
        rowClass={({ row }) => (row.level === "debug" ? "faint" : "")}
        follow
        following={following}
        mono
      />
    </Frame>
  );
}
