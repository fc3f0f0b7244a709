// What was used, summed by model, project, agent, branch or host, and by parts of time. Pure functions of rows of `usage`.
import { type Bounds, nextStart, startOf, type Unit } from "../../lib/stretch.ts";
import { tokensOf } from "../../lib/tokens.ts";
import type { SessionsRow, UsageRow } from "../../store/tables.ts";

export const SPLITS = ["model", "project", "agent", "branch", "host"] as const;
export type Split = (typeof SPLITS)[number];
export type Measure = "cost" | "tokens";

/** The column, or what stands for one, that a split goes by. */
export const SPLIT_KEY = {
  model: "model",
  project: "project",
  agent: "agent_id",
  branch: "branch",
  host: "host",
} as const;

export type KeyOf = (row: UsageRow) => string | null;

export function keyOf(split: Split, sessions: ReadonlyMap<string, SessionsRow>): KeyOf {
  if (split === "branch") return (row) => sessions.get(row.session_id ?? "")?.branch ?? null;
  return split === "agent" ? (row) => row.agent_id : (row) => row[split];
}

export interface Group {
  /** The value; empty for what has none. */
  readonly id: string;
  readonly requests: number;
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly tokens: number;
  /** Null if nothing of it has a known price. */
  readonly cost: number | null;
  readonly unpriced: number;
  readonly lastAt: number;
  /** Part of the whole, of what is measured. */
  readonly part: number;
}

const measured = (measure: Measure, { cost, tokens }: { cost: number | null; tokens: number }): number =>
  measure === "cost" ? (cost ?? 0) : tokens;

/** The largest first; what has no value of its own comes last. */
export function groupsOf(rows: readonly UsageRow[], key: KeyOf, measure: Measure): Group[] {
  const groups = new Map<string, { -readonly [K in keyof Group]: Group[K] }>();
  for (const row of rows) {
    const id = key(row) ?? "";
    let group = groups.get(id);
    if (group === undefined) {
      const none = { requests: 0, input: 0, cacheRead: 0, cacheWrite: 0, output: 0, tokens: 0, unpriced: 0 };
      groups.set(id, (group = { id, ...none, cost: null, lastAt: 0, part: 0 }));
    }
    group.requests += row.requests ?? 0;
    group.input += row.input_tokens ?? 0;
    group.cacheRead += row.cache_read_tokens ?? 0;
    group.cacheWrite += row.cache_write_tokens ?? 0;
    group.output += row.output_tokens ?? 0;
    group.tokens += tokensOf(row) ?? 0;
    if (row.cost_usd !== null) group.cost = (group.cost ?? 0) + row.cost_usd;
    group.unpriced += row.unpriced_requests ?? 0;
    group.lastAt = Math.max(group.lastAt, row.at ?? 0);
  }
  const found = [...groups.values()];
  const whole = found.reduce((sum, group) => sum + measured(measure, group), 0);
  for (const group of found) group.part = whole === 0 ? 0 : measured(measure, group) / whole;
  return found.sort((a, b) => Number(a.id === "") - Number(b.id === "") || b.part - a.part || b.tokens - a.tokens);
}

export interface Bar {
  readonly from: number;
  readonly to: number;
  /** What each of the series used in it, and after them the rest. */
  readonly values: readonly number[];
  readonly sum: number;
  readonly unpriced: number;
}

/** One bar for each part of time within the bounds, also where nothing was used. */
export function barsOf(
  rows: readonly UsageRow[],
  key: KeyOf,
  series: readonly string[],
  measure: Measure,
  unit: Unit,
  { from, to }: Bounds,
): Bar[] {
  const index = new Map(series.map((id, i) => [id, i]));
  const bars: { from: number; to: number; values: number[]; sum: number; unpriced: number }[] = [];
  for (let at = startOf(from, unit); at < to; at = nextStart(at, unit)) {
    bars.push({ from: at, to: nextStart(at, unit), values: series.map(() => 0).concat(0), sum: 0, unpriced: 0 });
  }
  const byStart = new Map(bars.map((bar) => [bar.from, bar]));
  for (const row of rows) {
    const bar = row.at === null ? undefined : byStart.get(startOf(row.at, unit));
    if (bar === undefined) continue;
    const value = measured(measure, { cost: row.cost_usd, tokens: tokensOf(row) ?? 0 });
    const at = index.get(key(row) ?? "") ?? series.length;
    bar.values[at] = bar.values[at]! + value;
    bar.sum += value;
    bar.unpriced += row.unpriced_requests ?? 0;
  }
  return bars;
}

/** The step of an axis from 0 to `most` with at most four lines: 1, 2 or 5 times a power of ten. */
export function stepOf(most: number): number {
  if (!(most > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(most / 4));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => most / step <= 4)!;
}
