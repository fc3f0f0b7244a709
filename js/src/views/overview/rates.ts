// The figures of pace and worth: tokens or messages, cost or quality. Rates of now are of the last quarters of an hour
// in `usage`; of what is over they are totals over the time that was worked.
import { workedFor } from "../../lanes/bins.ts";
import { isLive } from "../../lib/agents.ts";
import { HOUR, MINUTE, QUARTER } from "../../lib/durations.ts";
import { ago, integer, longDuration, money, percent, plural, score, short, when } from "../../lib/format.ts";
import { lowerBound } from "../../lib/ordered.ts";
import { tokensOf } from "../../lib/tokens.ts";
import { perMinute, perQuarter, type Used } from "../../lib/usage.ts";
import { type Events, messageAt } from "../../store/events.ts";
import type { AgentsRow, QualityRow, UsageRow } from "../../store/tables.ts";
import { between, covers, type FigureData, histogram, POINTS, type Stretch } from "./figures.ts";

/** Work of less than this is no rate an hour. */
const LEAST_WORK_MS = 5 * MINUTE;
/** Quarters of an hour in the columns of tokens and cost. */
const QUARTERS = 16;

const counts = (agent: AgentsRow): boolean => agent.output_tokens !== null || agent.input_tokens !== null;
const noun = (agents: number): string => plural(agents, "agent");

/** How fast it goes: tokens where a source counts them, else messages. */
export function paceFigure(
  agents: readonly AgentsRow[],
  usage: readonly UsageRow[],
  index: Events,
  stretch: Stretch,
): FigureData {
  return agents.some(counts) ? tokensFigure(agents, usage, index, stretch.now) : messagesFigure(index, stretch);
}

function tokensFigure(
  agents: readonly AgentsRow[],
  usage: readonly UsageRow[],
  index: Events,
  now: number,
): FigureData {
  const counted = agents.filter(counts);
  const sum = (of: (agent: AgentsRow) => number | null): number =>
    counted.reduce((total, agent) => total + (of(agent) ?? 0), 0);
  const cached = sum((agent) => agent.cache_read_tokens);
  const output = sum((agent) => agent.output_tokens);
  const total = sum(tokensOf);
  const input = total - output;
  const growing = counted.some((agent) => isLive(agent.status));
  const rate = growing ? (perMinute(usage, now)?.tokens ?? null) : null;
  const hourly = perHour(total, counted, index, now);
  const [value, unit] = split(short(total));
  const course = courseOf(usage, now, ({ tokens }) => tokens);
  const fromCache = `${percent(input === 0 ? null : cached / input)} from cache`;
  return {
    label: "Tokens",
    covers: "in all",
    value,
    unit,
    note:
      rate !== null ? `${short(rate)} / min now` : hourly === null ? fromCache : `${short(hourly.rate)} an hour worked`,
    about:
      `${integer(total)} tokens in all: ${integer(input)} in (${integer(cached)} of them from cache, ${percent(input === 0 ? null : cached / input)}), ` +
      `${integer(output)} out; counted for ${noun(counted.length)}. ` +
      (hourly === null ? "" : `${integer(hourly.rate)} an hour over the ${longDuration(hourly.worked)} of work. `) +
      (rate === null ? "" : "The rate is of this quarter of an hour and the last. ") +
      columnsOf(course),
    course,
    columns: true,
    view: "usage",
  };
}

/** What was used in each of the last quarters of an hour, from the first one known on; empty where nothing was used. */
function courseOf(usage: readonly UsageRow[], now: number, of: (used: Used) => number): number[] {
  const first = usage.reduce((oldest, { at }) => Math.min(oldest, at ?? oldest), Infinity);
  const known = Math.min(QUARTERS, Math.floor((now - first) / QUARTER) + 1);
  const course = known > 0 ? perQuarter(usage, now, known).map(of) : [];
  return course.some((value) => value > 0) ? course : [];
}

/** Which time a course covers. */
const columnsOf = (course: readonly number[]): string =>
  course.length === 0 ? "" : `The columns: each quarter of an hour, ${course.length} of them.`;

/** A total over the time in which somebody it is of was working. */
function perHour(
  total: number,
  agents: readonly AgentsRow[],
  index: Events,
  now: number,
): { rate: number; worked: number } | null {
  const worked = workedFor(
    index,
    agents.map(({ id }) => id),
    now,
  );
  return worked < LEAST_WORK_MS ? null : { rate: (total / worked) * HOUR, worked };
}

/** "84.2k" as figure and unit. */
function split(text: string): [string, string] {
  const match = /^(.*\d)([GMk]?)$/.exec(text);
  return match === null ? [text, ""] : [match[1]!, match[2]!];
}

function messagesFigure({ messages }: Events, stretch: Stretch): FigureData {
  const first = lowerBound(messages, stretch.from, messageAt);
  const times = messages.slice(first, lowerBound(messages, stretch.to + 1, messageAt)).map(messageAt);
  const minutes = (stretch.to - stretch.from) / MINUTE;
  const last = messages.at(-1);
  return {
    label: "Messages",
    covers: covers(stretch),
    value: short(times.length / minutes),
    unit: " / min",
    note: last === undefined ? "none yet" : `last ${ago(messageAt(last), stretch.now)}`,
    about: `${plural(times.length, "message")} ${between(stretch)}, heartbeats left out.`,
    course: histogram(times, stretch),
    view: "messages",
  };
}

/** What it costs; where no source knows prices, how good it is. */
export function worthFigure(
  agents: readonly AgentsRow[],
  usage: readonly UsageRow[],
  quality: readonly QualityRow[],
  index: Events,
  now: number,
): FigureData {
  return agents.some((agent) => agent.cost_usd !== null)
    ? costFigure(agents, usage, index, now)
    : qualityFigure(quality, now);
}

function costFigure(agents: readonly AgentsRow[], usage: readonly UsageRow[], index: Events, now: number): FigureData {
  const priced = agents.filter((agent) => agent.cost_usd !== null);
  const total = priced.reduce((sum, agent) => sum + agent.cost_usd!, 0);
  const unpriced = agents.filter((agent) => agent.cost_usd === null && counts(agent)).length;
  const leftOut = agents.reduce((sum, agent) => sum + (agent.unpriced_requests ?? 0), 0);
  const growing = priced.some((agent) => isLive(agent.status));
  const rate = growing ? (perMinute(usage, now)?.cost ?? null) : null;
  const hourly = perHour(total, priced, index, now);
  const course = courseOf(usage, now, ({ cost }) => cost ?? 0);
  const notes = [
    rate !== null && rate * 60 >= 0.01
      ? `${money(rate * 60)} / h now`
      : hourly !== null && hourly.rate >= 0.01 && `${money(hourly.rate)} an hour worked`,
    unpriced > 0 && `${unpriced} unpriced`,
  ];
  return {
    label: "Cost",
    covers: "in all",
    value: money(total, leftOut || unpriced),
    note: notes.filter((note) => note !== false).join(" · ") || `of ${noun(priced.length)}`,
    about:
      `US dollars of ${noun(priced.length)} since the first started` +
      (unpriced > 0
        ? `; ${noun(unpriced)} used models without a known price and ${unpriced === 1 ? "is" : "are"} not in it. `
        : ". ") +
      (leftOut > 0
        ? `It leaves out ${plural(leftOut, "answer")} whose price is not known: it cost at least that. `
        : "") +
      (hourly === null ? "" : `${money(hourly.rate)} an hour over the ${longDuration(hourly.worked)} of work. `) +
      (rate === null ? "" : "The rate of now is of this quarter of an hour and the last. ") +
      columnsOf(course),
    course,
    columns: true,
    view: "usage",
  };
}

function qualityFigure(rows: readonly QualityRow[], now: number): FigureData {
  const judged = rows.filter((row) => row.score !== null).sort((a, b) => (a.at ?? 0) - (b.at ?? 0));
  const mean = judged.length === 0 ? null : judged.reduce((sum, row) => sum + row.score!, 0) / judged.length;
  return {
    label: "Quality",
    covers: "in all",
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
