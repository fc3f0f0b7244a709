// How fast the running limits of plans are used up, and by which sessions: the same as agent_widget/data/pace.py.
import type { LimitsRow, SessionsRow, UsageRow } from "../store/tables.ts";
import { HOUR, QUARTER } from "./durations.ts";
import { append } from "./ordered.ts";
import { startOf } from "./stretch.ts";
import { NOTHING, type Used, usedBy } from "./usage.ts";

/** The pace of now is that of this fraction of a window, a day of a week; of at least an hour. */
const RECENT = 7;
/** Part that must be used before a pace says when it will be used up: before, one answer decides. */
const LEAST_USED = 0.3;
const NEAR = 0.7;
const URGENT = 0.9;
const SOON_MS = HOUR / 4;

export interface Share {
  readonly session: string;
  /** Part of what was used in the window. */
  readonly part: number;
  /** Part of the limit that it uses an hour; null if that is not known. */
  readonly perHour: number | null;
}

export interface Pace {
  readonly limit: LimitsRow;
  /** Part that is used by now: as heard, and what was used since at the same rate. Null if nobody says. */
  readonly used: number | null;
  readonly perHour: number | null;
  /** When it will be used up at this pace, if that is before it begins anew; null if it is by now. */
  readonly runsOutAt: number | null;
  readonly amount: Used;
  /** Those that use most now first. */
  readonly shares: readonly Share[];
}

/** Null while there is nothing to worry about. */
export function urgency({ used, runsOutAt }: Pace, now: number): "near" | "urgent" | null {
  if ((used ?? 0) >= URGENT || (runsOutAt !== null && runsOutAt - now < SOON_MS)) return "urgent";
  return (used ?? 0) >= NEAR || runsOutAt !== null ? "near" : null;
}

/** The running limits, the one that is nearest to its end first; of one that has begun anew nothing is known. */
export function paces(
  limits: readonly LimitsRow[],
  usage: readonly UsageRow[],
  sessions: ReadonlyMap<string, SessionsRow>,
  now: number,
): Pace[] {
  return limits
    .filter(({ resets_at, window_ms, used }) => (resets_at ?? 0) > now && (window_ms !== null || used !== null))
    .map((limit) => paceOf(limit, usage, sessions, now))
    .sort((a, b) => endOf(a, now) - endOf(b, now) || (b.used ?? 0) - (a.used ?? 0));
}

const endOf = ({ used, runsOutAt, limit }: Pace, now: number): number =>
  (used ?? 0) >= 1 ? now : (runsOutAt ?? limit.resets_at!);

function paceOf(
  limit: LimitsRow,
  usage: readonly UsageRow[],
  sessions: ReadonlyMap<string, SessionsRow>,
  now: number,
): Pace {
  if (limit.window_ms === null) {
    return { limit, used: limit.used, perHour: null, runsOutAt: null, amount: NOTHING, shares: [] }; // since when is not known
  }
  const start = limit.resets_at! - limit.window_ms;
  const about = (limit.name ?? "").replace(WINDOW, "").trim().toLowerCase();
  const rows = usage.filter(
    (row) =>
      row.at !== null &&
      row.at > start - QUARTER &&
      row.at <= now &&
      row.source === limit.source &&
      row.host === limit.host &&
      sessions.get(row.session_id ?? "")?.account === limit.account &&
      (row.model ?? "").toLowerCase().includes(about),
  );
  const amount = rows.length === 0 ? NOTHING : usedBy(rows);
  const priced = amount.unpriced === 0 && amount.cost !== null;
  const weigh = (some: readonly UsageRow[]): number => {
    const { cost, tokens } = usedBy(some);
    return priced ? (cost ?? 0) : tokens;
  };
  const quarters = Math.round(Math.max(HOUR, limit.window_ms / RECENT) / QUARTER); // the running one among them
  const recent = startOf(now, "quarter") - (quarters - 1) * QUARTER;
  const hours = Math.max(now - Math.max(recent, start), QUARTER) / HOUR;
  const whole = weigh(rows);
  const heard = weigh(rows.filter(({ at }) => at! <= (limit.at ?? now)));
  const unit = limit.used !== null && heard > 0 ? limit.used / heard : null;
  const used = unit === null ? limit.used : Math.min(1, unit * whole);
  const pace = (some: readonly UsageRow[]): number | null =>
    unit === null ? null : (unit * weigh(some.filter(({ at }) => at! >= recent))) / hours;
  const perHour = pace(rows);
  const out =
    used !== null && perHour && used >= LEAST_USED && used < 1 ? now + ((1 - used) / perHour) * HOUR : Infinity;
  const bySession = new Map<string, UsageRow[]>();
  for (const row of rows) append(bySession, row.session_id ?? "", row);
  const shares = [...bySession].map(([session, own]) => ({
    session,
    part: whole === 0 ? 0 : weigh(own) / whole,
    perHour: pace(own),
  }));
  return {
    limit,
    used,
    perHour,
    runsOutAt: out < limit.resets_at! ? out : null,
    amount,
    shares: shares.sort((a, b) => (b.perHour ?? 0) - (a.perHour ?? 0) || b.part - a.part),
  };
}

/** What of a limit's name is about the length of its window; the rest is about a model. */
const WINDOW = /\b(?:\d+(?:\.\d+)? [hd]|daily|weekly|monthly|primary|secondary)\b/g;
