// The columns of the tools, of the agents that use one, and of the calls.
import { Bar } from "../../charts/bar.tsx";
import { callText } from "../../lib/call-text.ts";
import { duration, integer, longDuration, percent, plural, UNKNOWN, words } from "../../lib/format.ts";
import type { ToolUse } from "../../lib/tool-use.ts";
import { agentColumn } from "../../parts/agent-column.tsx";
import { AgentName } from "../../parts/agent-name.tsx";
import { Ends } from "../../parts/ends.tsx";
import type { Column } from "../../parts/grid/types.ts";
import { StatusMark } from "../../parts/status.tsx";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { ToolCallsRow } from "../../store/tables.ts";
import { Durations } from "./durations.tsx";

export const toolColumns = (total: number): readonly Column<ToolUse>[] => [
  {
    key: "name",
    title: "tool",
    min: 120,
    grow: 1,
    value: (use) => use.id,
    cell: (use) => <Ends strong text={use.id} />,
  },
  ...useColumns(total),
];

export const agentColumns = (store: Shown, total: number): readonly Column<ToolUse>[] => [
  {
    key: "name",
    title: "used by",
    min: 120,
    grow: 1,
    value: (use) => agentName(store, use.id),
    cell: (use) => <AgentName id={use.id} />,
  },
  ...useColumns(total),
];

/** The same figures under each other, of tools and of agents. */
function useColumns(total: number): readonly Column<ToolUse>[] {
  return [
    {
      key: "calls",
      title: "calls",
      min: 48,
      end: true,
      value: (use) => use.calls,
      cell: (use) => integer(use.calls),
    },
    {
      key: "share",
      title: "share",
      min: 100,
      grow: 1,
      rank: 4,
      cell: (use) => (
        <span class="with-bar" title={`${percent(use.calls / total)} of ${plural(total, "call")}`}>
          <span class="figures">{share(use.calls / total)}</span>
          <Bar part={use.calls / total} color="var(--aw-muted)" />
        </span>
      ),
    },
    {
      key: "running",
      title: "running",
      min: 52,
      rank: 3,
      value: (use) => use.running || null,
      cell: (use) =>
        use.running > 0 && (
          <span class="with-mark">
            <StatusMark status="running" /> {integer(use.running)}
          </span>
        ),
    },
    {
      key: "errors",
      title: "errors",
      min: 84,
      value: (use) => use.errors / use.calls,
      cell: (use) =>
        use.errors === 0 ? (
          <span class="muted">none</span>
        ) : (
          <span class="with-mark bad">
            <StatusMark status="error" label="errors" />
            <span class="figures">
              {integer(use.errors)} · {share(use.errors / use.calls)}
            </span>
          </span>
        ),
    },
    {
      key: "denied",
      title: "denied",
      min: 46,
      rank: 5,
      end: true,
      value: (use) => use.denied || null,
      cell: (use) => use.denied > 0 && integer(use.denied),
    },
    {
      key: "median",
      title: "median",
      min: 66,
      rank: 2,
      end: true,
      value: (use) => use.median,
      cell: (use) => duration(use.median),
    },
    {
      key: "p95",
      title: "p95",
      min: 78,
      rank: 3,
      end: true,
      value: (use) => use.p95,
      cell: (use) => duration(use.p95),
    },
    {
      key: "durations",
      title: "durations",
      min: 76,
      rank: 3,
      cell: (use) => <Durations counts={use.durations} />,
    },
    {
      key: "last",
      title: "last used",
      min: 80,
      rank: 4,
      end: true,
      value: (use) => use.lastAt,
      cell: (use) => <Time at={use.lastAt} fits="ago" />,
    },
  ];
}

/** What is there is not nothing: "<1%". */
const share = (part: number): string => (part > 0 && part < 0.005 ? "<1%" : percent(part));

export const callColumns = (store: Shown): readonly Column<ToolCallsRow>[] => [
  {
    key: "at",
    title: "time",
    min: 104,
    value: (row) => row.at,
    cell: (row) => (
      <span class="with-mark">
        <StatusMark status={row.status} />
        <Time at={row.at} fits="clock" />
      </span>
    ),
  },
  agentColumn(store, "agent_id", { title: "agent", min: 90, rank: 3, grow: 0 }),
  {
    key: "name",
    title: "tool",
    min: 72,
    wish: 110,
    grow: 1,
    rank: 1,
    value: (row) => row.name,
    // Where it is narrow, a call of which nothing else is known already has it as its title.
    cell: (row) => <Line text={row.name} class={row.error === null && row.input === null ? "call-named" : ""} />,
  },
  {
    key: "input",
    lead: true,
    title: "call",
    min: 120,
    grow: 4,
    rank: 2,
    value: (row) => row.error ?? row.input,
    cell: (row) =>
      row.error !== null ? (
        <Line class="bad" text={row.error} />
      ) : row.input !== null ? (
        <Line class="mono" text={callText(row.input)} />
      ) : (
        <>
          <Line class="call-name" text={row.name} />
          <span class="muted call-unknown">{UNKNOWN}</span>
        </>
      ),
  },
  {
    key: "duration_ms",
    title: "duration",
    min: 72,
    rank: 1,
    end: true,
    value: (row) => row.duration_ms ?? (row.status === "running" && row.at !== null ? store.now.peek() - row.at : null),
    cell: (row) => <Lasting row={row} now={store.now.value} />,
  },
];

/** How long a call took; of one that runs, so far. */
export function Lasting({ row, now }: { row: ToolCallsRow; now: number }) {
  if (row.duration_ms !== null) return <>{duration(row.duration_ms)}</>;
  if (row.status === "running" && row.at !== null)
    return <span class="muted">{longDuration(now - row.at)} so far</span>;
  return <span class="muted">{row.status === null ? UNKNOWN : words(row.status)}</span>;
}
