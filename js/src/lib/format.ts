// Writes figures and times. Unknown is an en dash; nothing here knows a table.
import { DAY, HOUR, MINUTE, SECOND } from "./durations.ts";

export const UNKNOWN = "–";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (n: number): string => String(n).padStart(2, "0");

/** "14:22:07", local time. */
export function timeOfDay(at: number | null): string {
  if (at === null) return UNKNOWN;
  const d = new Date(at);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** Whether a moment is on the day that it is now. */
export const isToday = (at: number, now: number): boolean =>
  new Date(at).toDateString() === new Date(now).toDateString();

/** "14:22", local time. */
export function hourMinute(at: number): string {
  return timeOfDay(at).slice(0, 5);
}

/** "14:22" today, "23 Nov 14:22" on another day: for times to come, too. */
export function clock(at: number, now: number): string {
  return isToday(at, now) ? hourMinute(at) : `${dayMonth(at)} ${hourMinute(at)}`;
}

/** "14:22:07" today, "23 Nov 14:22" this year, "23 Nov 2025" before. */
export function when(at: number | null, now: number): string {
  if (at === null) return UNKNOWN;
  if (isToday(at, now)) return timeOfDay(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? `${dayMonth(at)} ${hourMinute(at)}` : day(at);
}

/** "14:15–14:30" today, else like `when`: a moment that is known to `ms` only. */
export const whenWithin = (at: number, ms: number, now: number): string =>
  isToday(at, now) ? `${hourMinute(at)}–${hourMinute(at + ms)}` : when(at, now);

/** "14:22:07" today, "23 Nov 14:22:07" before: where seconds matter. */
export function stamp(at: number | null, now: number): string {
  if (at === null) return UNKNOWN;
  return isToday(at, now) ? timeOfDay(at) : `${dayMonth(at)} ${timeOfDay(at)}`;
}

/** "4 Jan". */
export function dayMonth(at: number): string {
  const d = new Date(at);
  return `${d.getDate()} ${MONTHS[d.getMonth()]}`;
}

/** "4 Jan 2026". */
export function day(at: number): string {
  return `${dayMonth(at)} ${new Date(at).getFullYear()}`;
}

/** "2026-11-23 14:22:07.120", local time: the whole truth, for tooltips and details. */
export function exactTime(at: number | null): string {
  if (at === null) return UNKNOWN;
  const d = new Date(at);
  const ms = String(d.getMilliseconds()).padStart(3, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${timeOfDay(at)}.${ms}`;
}

/** "85 ms", "4.2 s", "1 min 12 s", "3 h 4 min", "2 d 3 h". */
export function duration(ms: number | null): string {
  if (ms === null) return UNKNOWN;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  return longDuration(ms);
}

/** Like `duration`, in whole seconds: for lengths that are still growing. */
export function longDuration(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(Math.max(0, ms) / SECOND)} s`;
  if (ms < HOUR) return pair(ms, MINUTE, "min", SECOND, "s");
  if (ms < DAY) return pair(ms, HOUR, "h", MINUTE, "min");
  return pair(ms, DAY, "d", HOUR, "h");
}

function pair(ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)} ${bigUnit}${rest > 0 ? ` ${rest} ${smallUnit}` : ""}`;
}

/** "now", "12 s ago", "3 min ago", "5 d ago". */
export function ago(at: number | null, now: number): string {
  if (at === null) return UNKNOWN;
  const ms = now - at;
  if (ms < 2 * SECOND) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${integer(Math.floor(ms / DAY))} d ago`;
}

/** "≤ 7 min ago": the age of what may have been later than `at`. */
export function agoAtMost(at: number, now: number): string {
  const text = ago(at, now);
  return text === "now" ? text : `≤ ${text}`;
}

/** The age of the data: "0.3 s old", "12 s old", "3 min 4 s old". */
export function age(ms: number): string {
  const seconds = Math.max(0, ms) / SECOND;
  return `${seconds < 10 ? `${seconds.toFixed(1)} s` : longDuration(ms)} old`;
}

/** "950", "84.2k", "1.2M". */
export function short(n: number | null): string {
  if (n === null) return UNKNOWN;
  for (const [unit, size] of [
    ["G", 1e9],
    ["M", 1e6],
    ["k", 1e3],
  ] as const) {
    if (Math.abs(n) >= size * 0.99995) {
      const scaled = n / size;
      return `${scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1).replace(/\.0$/, "")}${unit}`;
    }
  }
  return String(Math.round(n * 10) / 10);
}

/** "14,165". */
export function integer(n: number | null): string {
  return n === null ? UNKNOWN : String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "$0.41", "$1,204"; "unpriced" where the model has no known price. */
export function money(usd: number | null, unpriced: number | null = 0): string {
  if (usd === null) return "unpriced";
  if (unpriced) return `≥ ${usd < 0.01 ? "$0.00" : money(usd)}`; // some of it has no known price
  if (usd > 0 && usd < 0.01) return "<$0.01";
  return usd < 1000 ? `$${usd.toFixed(2)}` : `$${integer(usd)}`;
}

/** "820 B", "14 kB", "2.1 MB". */
export function bytes(n: number | null): string {
  if (n === null) return UNKNOWN;
  if (n < 1000) return `${n} B`;
  if (n < 999_500) return `${n < 9_950 ? (n / 1e3).toFixed(1) : Math.round(n / 1e3)} kB`;
  if (n < 999_500_000) return `${(n / 1e6).toFixed(1)} MB`;
  return `${(n / 1e9).toFixed(1)} GB`;
}

/** A part of one as "46%". */
export function percent(part: number | null): string {
  return part === null ? UNKNOWN : `${Math.round(part * 100)}%`;
}

/** A score from 0 to 1 as "0.81". */
export function score(value: number | null): string {
  return value === null ? UNKNOWN : value.toFixed(2);
}

/** "1 agent", "7 agents". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${integer(n)} ${n === 1 ? one : many}`;
}

/** The name of a model without who makes it and without its date, everywhere the same: "opus-4-5". */
export const modelName = (model: string): string =>
  model.replace(/^(?:[a-z0-9.-]+\/)*(?:claude-)?|-\d{8}$/g, "") || model;

/** The kind of a message in words; what a person wrote, or is asked, is theirs. */
export const kindWords = (kind: string): string => (kind === "user" ? "you" : words(kind));

/** "in_progress" as "in progress". */
export function words(value: string | null): string {
  return value === null || value === "" ? UNKNOWN : value.replaceAll("_", " ");
}

/** An id too long to read: "agent-…931-k3f9" for one with a time in it, else its ends. */
export function shortId(id: string, length = 20): string {
  const brief = id.replace(/\d{5,}(\d{3})/g, "…$1");
  return brief.length <= length ? brief : `${brief.slice(0, length - 5)}…${brief.slice(-4)}`;
}
