// The five figures above the lanes, computed from the rows: pure functions of tables, window and clock.

import { ago, exactTime, integer, longDuration, money, percent, plural, score, short, when } from "../format.ts";
import type { ViewName } from "../nav.ts";
import type { FigureProps } from "../parts/figure.tsx";
import { isHuman, isLive, messageAt, spanStart, lowerBound, type LaneIndex } from "../parts/lanes-index.ts";
import { HOUR, MINUTE } from "../parts/lanes-window.ts";
import type { AgentsRow, LogsRow, QualityRow, TasksRow, ToolCallsRow } from "../tables.ts";
import type { Meter } from "./overview-meter.ts";

export interface FigureData extends Omit<FigureProps, "onOpen"> {
  /** Where the rows behind it are. */
  view: ViewName;
  filter?: Readonly<Record<string, readonly string[]>>;
}

export interface Stretch {
  from: number;
  to: number;
  now: number;
}

const POINTS = 40;

/** "between 14:07:00 and now": what a figure of the window is about. */
function between({ from, to, now }: Stretch): string {
  return `between ${when(from, now)} and ${now - to < 2 * MINUTE ? "now" : when(to, now)}`;
}

export function agentsFigure(rows: readonly AgentsRow[], index: LaneIndex, stretch: Stretch): FigureData {
  const agents = rows.filter((agent) => !isHuman(agent));
  const count = (status: string): number => agents.filter((agent) => agent.status === status).length;
  const parts = ["working", "waiting", "idle"].map((status) => ({ status, n: count(status) })).filter(({ n }) => n > 0);
  const live = parts.reduce((sum, { n }) => sum + n, 0);
  return {
    label: "Agents",
    value: integer(live),
    note:
      live > 0
        ? parts
            .slice(0, 2)
            .map(({ status, n }) => `${n} ${status}`)
            .join(" · ")
        : `none live of ${integer(agents.length)}`,
    about:
      `Agents that work, wait or are idle now, of ${plural(agents.length, "agent")} known. ` +
      `The line: how many there were ${between(stretch)}.`,
    course: liveCourse(index, stretch),
    view: "agents",
    ...(live > 0 && { filter: { status: parts.map(({ status }) => status) } }),
  };
}

/** How many agents were live at each point of the stretch. */
export function liveCourse(index: LaneIndex, { from, to, now }: Stretch): number[] {
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
  const times = tasks
    .filter((task) => task.status === "completed")
    .map((task) => task.completed_at)
    .filter((at) => at !== null)
    .sort((a, b) => a - b);
  const left = timeLeft(times, total - done - count("failed"), stretch.now);
  return {
    label: "Tasks",
    value: integer(done),
    unit: `/${integer(total)}`,
    note: left === null ? `done · ${count("in_progress")} in progress` : `done · ≈ ${longDuration(left)} left`,
    about:
      `Tasks completed, of all that were not cancelled (${cancelled} were). ` +
      (left === null ? "" : "Time left at the pace of the last two hours. ") +
      `The line: completed ${between(stretch)}.`,
    course: runningSums(histogram(times, stretch)),
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

const PACE_SINCE = 2 * HOUR;
const PACE_TASKS = 4;

/** How long the rest takes at the pace of the last two hours; null when there was hardly any pace. */
export function timeLeft(completedAt: readonly number[], remaining: number, now: number): number | null {
  const recent = completedAt.slice(lowerBound(completedAt, now - PACE_SINCE, (at) => at));
  if (recent.length < PACE_TASKS || remaining <= 0) return null;
  const each = (now - recent[0]!) / recent.length;
  const stalled = now - recent[recent.length - 1]! > 4 * each;
  return stalled ? null : Math.ceil((each * remaining) / MINUTE) * MINUTE;
}

/** How fast it goes: tokens where a source counts them, else messages. */
export function paceFigure(agents: readonly AgentsRow[], index: LaneIndex, meter: Meter, stretch: Stretch): FigureData {
  return agents.some((agent) => agent.output_tokens !== null || agent.input_tokens !== null)
    ? tokensFigure(agents, meter)
    : messagesFigure(index, stretch);
}

function tokensFigure(agents: readonly AgentsRow[], meter: Meter): FigureData {
  const sum = (of: (agent: AgentsRow) => number | null): number =>
    agents.reduce((total, agent) => total + (of(agent) ?? 0), 0);
  const cached = sum((agent) => agent.cache_read_tokens);
  const input = cached + sum((agent) => agent.input_tokens) + sum((agent) => agent.cache_write_tokens);
  const output = sum((agent) => agent.output_tokens);
  const rate = meter.perMinute("tokens", MINUTE);
  const growing = agents.some((agent) => isLive(agent.status));
  const [value, unit] = split(short(growing ? rate : input + output));
  const tokens = meter.readings.map((reading) => reading.tokens);
  return {
    label: growing ? "Tokens / min" : "Tokens",
    value,
    unit,
    note: growing && rate === null ? "measuring" : `${percent(input === 0 ? null : cached / input)} from cache`,
    about:
      `${integer(input + output)} tokens in all: ${integer(input)} in (${integer(cached)} of them from cache), ` +
      `${integer(output)} out. ` +
      "The rate is of the last minute, the line since this page opened, 15 minutes at most.",
    course: tokens.slice(1).map((value, i) => value - tokens[i]!),
    view: "sessions",
  };
}

/** "84.2k" as figure and unit. */
function split(text: string): [string, string] {
  const match = /^(.*\d)([GMk]?)$/.exec(text);
  return match === null ? [text, ""] : [match[1]!, match[2]!];
}

function messagesFigure({ messages }: LaneIndex, stretch: Stretch): FigureData {
  const times = within(messages, messageAt, stretch);
  const minutes = (stretch.to - stretch.from) / MINUTE;
  const last = messages.at(-1);
  return {
    label: "Messages / min",
    value: short(times.length / minutes),
    note: last === undefined ? "none yet" : `last ${ago(messageAt(last), stretch.now)}`,
    about: `${plural(times.length, "message")} ${between(stretch)}, heartbeats left out.`,
    course: histogram(times, stretch),
    view: "messages",
  };
}

/** What it costs; where no source knows prices, how good it is. */
export function worthFigure(
  agents: readonly AgentsRow[],
  quality: readonly QualityRow[],
  meter: Meter,
  now: number,
): FigureData {
  return agents.some((agent) => agent.cost_usd !== null) ? costFigure(agents, meter) : qualityFigure(quality, now);
}

function costFigure(agents: readonly AgentsRow[], meter: Meter): FigureData {
  const priced = agents.filter((agent) => agent.cost_usd !== null);
  const total = priced.reduce((sum, agent) => sum + agent.cost_usd!, 0);
  const unpriced = agents.filter((agent) => agent.cost_usd === null && agent.output_tokens !== null).length;
  const rate = meter.perMinute("cost", 15 * MINUTE);
  const notes = [
    rate !== null && rate * 60 >= 0.01 && `${money(rate * 60)} an hour`,
    unpriced > 0 && `${unpriced} unpriced`,
  ];
  return {
    label: "Cost",
    value: money(total),
    note: notes.filter((note) => note !== false).join(" · ") || plural(priced.length, "agent"),
    about:
      `US dollars of ${plural(priced.length, "agent")} since the first started` +
      (unpriced > 0 ? `; ${plural(unpriced, "agent")} used models without a known price and are not in it. ` : ". ") +
      "The hourly rate and the line are of what was spent since this page opened, 15 minutes at most.",
    course: meter.readings.map((reading) => reading.cost),
    view: "agents",
  };
}

function qualityFigure(rows: readonly QualityRow[], now: number): FigureData {
  const judged = rows.filter((row) => row.score !== null).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  const mean = judged.length === 0 ? null : judged.reduce((sum, row) => sum + row.score!, 0) / judged.length;
  return {
    label: "Quality",
    value: score(mean),
    note: judged.length === 0 ? "nothing judged yet" : `mean of ${integer(judged.length)}`,
    about:
      judged.length === 0
        ? "The mean score of all judgements: assessments, test runs, evaluations."
        : `The mean of ${plural(judged.length, "score")} from 0 to 1, since ${when(judged[0]!.at, now)}. ` +
          `The line: the last ${Math.min(POINTS, judged.length)}.`,
    course: judged.slice(-POINTS).map((row) => row.score!),
    view: "quality",
  };
}

export function errorsFigure(calls: readonly ToolCallsRow[], logs: readonly LogsRow[], stretch: Stretch): FigureData {
  const { from, to, now } = stretch;
  const inside = (at: number | null): at is number => at !== null && at >= from && at <= to;
  const called = calls
    .filter((call) => call.status === "error")
    .map((call) => call.at)
    .filter(inside);
  const logged = logs
    .filter((log) => log.level === "error" || log.level === "critical")
    .map((log) => log.at)
    .filter(inside);
  const times = [...called, ...logged];
  const last = times.reduce((latest, at) => Math.max(latest, at), -Infinity);
  return {
    label: "Errors",
    value: integer(times.length),
    note: times.length === 0 ? "none in this time" : `last ${ago(last, now)}`,
    about:
      `${plural(called.length, "failed tool call")} and ${plural(logged.length, "error line")} in the logs ` +
      between(stretch) +
      (times.length === 0 ? "." : `, the last at ${exactTime(last)}.`),
    course: histogram(times, stretch),
    ...(called.length > 0 || logged.length === 0
      ? { view: "tools", filter: { status: ["error"] } }
      : { view: "logs", filter: { level: ["error", "critical"] } }),
  };
}

function within<R>(rows: readonly R[], at: (row: R) => number, { from, to }: Stretch): number[] {
  const times: number[] = [];
  for (let i = lowerBound(rows, from, at); i < rows.length && at(rows[i]!) <= to; i++) times.push(at(rows[i]!));
  return times;
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
