// What the calls of each tool add up to.
import type { ToolCallsRow } from "../tables.ts";

export interface ToolUse {
  /** The tool's name. */
  readonly id: string;
  readonly calls: number;
  readonly errors: number;
  readonly median: number | null;
  readonly p95: number | null;
  readonly lastAt: number | null;
}

/** The most used first. */
export function toolUses(rows: readonly ToolCallsRow[]): readonly ToolUse[] {
  const byName = new Map<string, ToolCallsRow[]>();
  for (const row of rows) {
    const name = row.name ?? "unknown";
    const calls = byName.get(name);
    if (calls === undefined) byName.set(name, [row]);
    else calls.push(row);
  }
  const uses = Array.from(byName, ([id, calls]) => {
    const durations = calls.flatMap((call) => (call.duration_ms === null ? [] : [call.duration_ms])).sort((a, b) => a - b);
    return {
      id,
      calls: calls.length,
      errors: calls.filter((call) => call.status === "error").length,
      median: quantile(durations, 0.5),
      p95: quantile(durations, 0.95),
      lastAt: calls.reduce<number | null>((last, { at }) => (at !== null && at > (last ?? 0) ? at : last), null),
    };
  });
  return uses.sort((a, b) => b.calls - a.calls || (a.id < b.id ? -1 : 1));
}

/** Of sorted values, the least that is not smaller than the given part of them. */
export function quantile(sorted: readonly number[], part: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null;
}
