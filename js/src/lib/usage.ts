// What was used, by quarter of an hour: sums, courses and rates of the rows of `usage`.
import type { UsageRow } from "../store/tables.ts";
import { MINUTE, QUARTER } from "./durations.ts";
import { startOf } from "./stretch.ts";
import { tokensOf } from "./tokens.ts";

export interface Used {
  readonly tokens: number;
  /** Null if nothing of it has a known price. */
  readonly cost: number | null;
  /** How many answers `cost` leaves out. */
  readonly unpriced: number;
}

export const NOTHING: Used = { tokens: 0, cost: null, unpriced: 0 };

export function usedBy(rows: Iterable<UsageRow>): Used {
  let { tokens, cost, unpriced } = NOTHING;
  for (const row of rows) {
    tokens += tokensOf(row) ?? 0;
    if (row.cost_usd !== null) cost = (cost ?? 0) + row.cost_usd;
    unpriced += row.unpriced_requests ?? 0;
  }
  return { tokens, cost, unpriced };
}

/** The rows of the quarters that began from `from` on and not after `to`. */
export const usageBetween = (rows: readonly UsageRow[], from: number, to: number): UsageRow[] =>
  rows.filter(({ at }) => at !== null && at >= from && at <= to);

/** What was used in each of so many quarters, of which the last holds `to`. */
export function perQuarter(rows: readonly UsageRow[], to: number, quarters: number): Used[] {
  const last = startOf(to, "quarter");
  const parts = Array.from({ length: quarters }, (): UsageRow[] => []);
  for (const row of rows) {
    const index = row.at === null ? -1 : quarters - 1 - (last - row.at) / QUARTER;
    parts[index]?.push(row);
  }
  return parts.map(usedBy);
}

/** What is used a minute: over the running quarter of an hour and the one before; null if nothing was. */
export function perMinute(rows: readonly UsageRow[], now: number): Used | null {
  const from = startOf(now, "quarter") - QUARTER;
  const { tokens, cost, unpriced } = usedBy(usageBetween(rows, from, now));
  const minutes = (now - from) / MINUTE;
  return tokens === 0 && cost === null
    ? null
    : { tokens: tokens / minutes, cost: cost === null ? null : cost / minutes, unpriced };
}
