// What the calls of each tool add up to.
import type { ToolCallsRow } from "../store/tables.ts";
import { append } from "./ordered.ts";

export interface ToolUse {
  /** The tool's name, or the agent's id. */
  readonly id: string;
  readonly calls: number;
  readonly running: number;
  readonly errors: number;
  readonly denied: number;
  readonly median: number | null;
  readonly p95: number | null;
  /** Ended calls by how long they took, one count for each of `DURATIONS`. */
  readonly durations: readonly number[];
  readonly lastAt: number | null;
}

/** The upper ends of the bins of durations, ms; the last takes all that is longer. */
export const DURATIONS: readonly number[] = [
  3,
  10,
  30,
  100,
  300,
  1_000,
  3_000,
  10_000,
  30_000,
  100_000,
  300_000,
  Infinity,
];

/** The most used first. */
export function toolUses(rows: readonly ToolCallsRow[]): readonly ToolUse[] {
  return uses(rows, (row) => row.name ?? "unknown");
}

/** The same for each agent; calls that name none are left out. */
export function agentUses(rows: readonly ToolCallsRow[]): readonly ToolUse[] {
  return uses(rows, (row) => row.agent_id);
}

function uses(rows: readonly ToolCallsRow[], key: (row: ToolCallsRow) => string | null): readonly ToolUse[] {
  const groups = new Map<string, ToolCallsRow[]>();
  for (const row of rows) {
    const name = key(row);
    if (name !== null) append(groups, name, row);
  }
  const found = Array.from(groups, ([id, calls]) => useOf(id, calls));
  return found.sort((a, b) => b.calls - a.calls || (a.id < b.id ? -1 : 1));
}

function useOf(id: string, calls: readonly ToolCallsRow[]): ToolUse {
  const times: number[] = [];
  const durations = DURATIONS.map(() => 0);
  const counts: Record<string, number> = {};
  let lastAt: number | null = null;
  for (const { status, duration_ms: ms, at } of calls) {
    if (status !== null) counts[status] = (counts[status] ?? 0) + 1;
    if (at !== null && at > (lastAt ?? 0)) lastAt = at;
    if (ms === null) continue;
    times.push(ms);
    const bin = DURATIONS.findIndex((end) => ms < end);
    durations[bin] = durations[bin]! + 1;
  }
  times.sort((a, b) => a - b);
  return {
    id,
    calls: calls.length,
    running: counts.running ?? 0,
    errors: counts.error ?? 0,
    denied: counts.denied ?? 0,
    median: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    durations,
    lastAt,
  };
}

/** Of sorted values, the least that is not smaller than the given part of them. */
export function quantile(sorted: readonly number[], part: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
}
