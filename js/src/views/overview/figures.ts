// The figures above the lanes of which every source knows: agents, tasks, errors. Pure functions of tables, window
// and clock; what has a price or a pace is in rates.ts.
import { burnOf, estimateText } from "../../charts/burndown.ts";
import type { FigureProps } from "../../charts/figure.tsx";
import { isHuman, isLive } from "../../lib/agents.ts";
import { HOUR, MINUTE } from "../../lib/durations.ts";
import { ago, exactTime, integer, longDuration, plural, when } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { type Events, spanStart } from "../../store/events.ts";
import type { AgentsRow, LogsRow, TasksRow, ToolCallsRow, ViewName } from "../../store/tables.ts";

export interface FigureData extends Omit<FigureProps, "onOpen"> {
  /** Where the rows behind it are. */
  view: ViewName;
  filter?: Readonly<Record<string, readonly string[]>>;
  /** The time that it counts, of a figure that is not of all times. */
  during?: { readonly from: number; readonly to: number };
}

export interface Stretch {
  from: number;
  to: number;
  now: number;
}

export const POINTS = 40;

const isNow = ({ to, now }: Stretch): boolean => now - to < 2 * MINUTE;

/** "between 14:07:00 and now": what a figure of the window is about. */
export function between(stretch: Stretch): string {
  const { from, to, now } = stretch;
  return `between ${when(from, now)} and ${isNow(stretch) ? "now" : when(to, now)}`;
}

/** What a figure of the window covers, beside its name. */
export function covers(stretch: Stretch): string {
  const length = longDuration(Math.round((stretch.to - stretch.from) / MINUTE) * MINUTE);
  return isNow(stretch) ? `last ${length}` : "time shown";
}

/** Nobody there, and nobody seen for so long: what counts is how many there were. */
const OVER_MS = HOUR;

export function agentsFigure(rows: readonly AgentsRow[], index: Events, stretch: Stretch): FigureData {
  const agents = rows.filter((agent) => !isHuman(agent));
  const count = (status: string): number => agents.filter((agent) => agent.status === status).length;
  const parts = ["working", "waiting", "idle"].map((status) => ({ status, n: count(status) })).filter(({ n }) => n > 0);
  const live = parts.reduce((sum, { n }) => sum + n, 0);
  const seen = agents.reduce((last, agent) => Math.max(last, agent.last_seen_at ?? 0), 0);
  const over = live === 0 && stretch.now - seen > OVER_MS;
  const failed = count("failed");
  return {
    label: "Agents",
    covers: over ? "in all" : "now",
    value: integer(over ? agents.length : live),
    unit: over || agents.length === live ? "" : `/${integer(agents.length)}`,
    note:
      parts
        .slice(0, 2)
        .map(({ status, n }) => `${n} ${status}`)
        .join(" · ") || "none live now",
    about:
      `${plural(live, "agent")} working, waiting or idle now, of ${integer(agents.length)} known` +
      `${failed > 0 ? `; ${integer(failed)} failed` : ""}${seen > 0 ? `; the last was seen ${ago(seen, stretch.now)}` : ""}. The line: how many there were ${between(stretch)}.`,
    course: liveCourse(index, stretch),
    view: "agents",
    ...(live > 0 && { filter: { status: parts.map(({ status }) => status) } }),
  };
}

/** How many agents were live at each point of the stretch. */
export function liveCourse(index: Events, { from, to, now }: Stretch): number[] {
  const step = (to - from) / (POINTS - 1);
  const change = new Array<number>(POINTS + 1).fill(0);
  for (const spans of index.spans.values()) {
    for (const span of spans) {
      if (!isLive(span.status)) continue;
      const first = Math.max(0, Math.ceil((spanStart(span) - from) / step));
      const last = Math.min(POINTS, Math.ceil(((span.ended_at ?? now + 1) - from) / step));
      if (first >= last) continue;
      change[first]!++;
      change[last]!--;
    }
  }
  return runningSums(change.slice(0, POINTS));
}

export function tasksFigure(tasks: readonly TasksRow[], stretch: Stretch): FigureData {
  const { done, total, cancelled } = taskTotals(tasks);
  const count = (status: string): number => tasks.filter((task) => task.status === status).length;
  const burn = burnOf(tasks, stretch.now);
  const times = tasks
    .filter((task) => task.status === "completed")
    .map((task) => task.completed_at)
    .filter((at) => at !== null);
  const rest = [
    [count("in_progress"), "in progress"],
    [count("blocked"), "blocked"],
    [count("failed"), "failed"],
    [count("pending"), "pending"],
  ] as const;
  const [next] = rest.filter(([n]) => n > 0);
  const summary =
    burn.estimate !== null
      ? `${estimateText(burn.estimate)} left`
      : next === undefined
        ? "done"
        : `${next[0]} ${next[1]}`;
  return {
    label: "Tasks",
    covers: "in all",
    value: total === 0 ? "–" : integer(done),
    unit: total === 0 ? "" : `/${integer(total)}`,
    note: total === 0 ? "none known" : done === total ? "all done" : summary,
    about:
      `Tasks completed, of all that were not cancelled (${plural(cancelled, "was", "were")}). ` +
      `${burn.left > 0 ? `${plural(burn.left, "is", "are")} left: ${burn.summary}. ` : ""}` +
      `The line: completed ${between(stretch)}.`,
    course: total === 0 ? [] : runningSums(histogram(times, stretch)),
    view: "tasks",
  };
}

/** A cancelled task is not one that remains to be done. */
export function taskTotals(tasks: readonly TasksRow[]): { done: number; total: number; cancelled: number } {
  const cancelled = tasks.filter((task) => task.status === "cancelled").length;
  return {
    done: tasks.filter((task) => task.status === "completed").length,
    total: tasks.length - cancelled,
    cancelled,
  };
}

/** Which errors, and whose: failed tool calls and error lines of the stretch. */
export function errorsFigure(
  calls: readonly ToolCallsRow[],
  logs: readonly LogsRow[],
  stretch: Stretch,
  nameOf: (agent: string) => string,
): FigureData {
  const { from, to, now } = stretch;
  const inside = ({ at }: ToolCallsRow | LogsRow): boolean => at !== null && at >= from && at <= to;
  const called = calls.filter((call) => call.status === "error" && inside(call));
  const logged = logs.filter((log) => (log.level === "error" || log.level === "critical") && inside(log));
  // Where calls fail, they are what is counted and what a click leads to; error lines tell of the same.
  const all = called.length > 0 ? called : logged;
  const times = all.map(({ at }) => at!);
  const last = times.reduce((latest, at) => Math.max(latest, at), -Infinity);
  const which = mostFrequent([...called.map(({ name }) => name ?? "unknown tool"), ...logged.map(() => "log lines")]);
  const who = mostFrequent(all.flatMap(({ agent_id }) => (agent_id === null ? [] : [nameOf(agent_id)])));
  return {
    label: "Errors",
    value: integer(times.length),
    covers: covers(stretch),
    note: times.length === 0 ? "none in this time" : `${oneLine(which[0]!)} · ${ago(last, now)}`,
    about:
      (called.length > 0
        ? `${plural(called.length, "failed tool call")} ${between(stretch)}; ${plural(logged.length, "error line")} in the logs`
        : `${plural(logged.length, "error line")} in the logs ${between(stretch)}`) +
      (times.length === 0 ? "." : `, the last at ${exactTime(last)}. In: ${oneLine(which.slice(0, 5).join(", "))}. `) +
      (who.length > 0 ? `By: ${oneLine(who.slice(0, 5).join(", "))}.` : ""),
    course: histogram(times, stretch),
    during: { from, to: to + 1 },
    ...(called.length > 0 || logged.length === 0
      ? { view: "tools", filter: { status: ["error"] } }
      : { view: "logs", filter: { level: ["error", "critical"] } }),
  };
}

/** "12 Bash", "3 Read": the most frequent first. */
function mostFrequent(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${integer(n)} ${name}`);
}

/** How many fall into each part of the stretch. */
export function histogram(times: readonly number[], { from, to }: Stretch): number[] {
  const counts = new Array<number>(POINTS).fill(0);
  for (const time of times) {
    if (time < from || time > to) continue;
    counts[Math.min(POINTS - 1, Math.floor(((time - from) / (to - from)) * POINTS))]!++;
  }
  return counts;
}

function runningSums(changes: readonly number[]): number[] {
  let sum = 0;
  return changes.map((change) => (sum += change));
}
