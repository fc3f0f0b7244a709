// A stretch of time that rows are narrowed to: the last hours or days, or one that is over; and its parts.
import { DAY, HOUR, QUARTER } from "./durations.ts";
import { clock, dayMonth, hourMinute } from "./format.ts";

/** The last so many milliseconds in whole hours or days, the running one among them; or what lies between two times. */
export type Stretch = { readonly last: number } | { readonly from: number; readonly to: number };

/** `to` is no part of it. */
export interface Bounds {
  readonly from: number;
  readonly to: number;
}

export const UNITS = ["quarter", "hour", "day", "week", "month"] as const;
export type Unit = (typeof UNITS)[number];

/** When the part of time began that holds `at`; days, weeks and months are those of the reader's time zone. */
export function startOf(at: number, unit: Unit): number {
  if (unit === "quarter") return at - (at % QUARTER);
  const date = new Date(at);
  if (unit === "hour") return date.setMinutes(0, 0, 0);
  date.setHours(0, 0, 0, 0);
  if (unit === "week") date.setDate(date.getDate() - ((date.getDay() + 6) % 7)); // weeks begin on Monday
  if (unit === "month") date.setDate(1);
  return date.getTime();
}

/** When the part after the one that began at `start` begins: a day may have 23 or 25 hours. */
export function nextStart(start: number, unit: Unit): number {
  if (unit === "quarter") return start + QUARTER;
  if (unit === "hour") return startOf(start + HOUR, "hour");
  const date = new Date(start);
  if (unit === "month") return date.setMonth(date.getMonth() + 1);
  return date.setDate(date.getDate() + (unit === "week" ? 7 : 1));
}

/** The unit in which a stretch has a readable number of parts. */
export function unitFor({ from, to }: Bounds): Unit {
  const length = to - from;
  if (length <= 6 * HOUR) return "quarter";
  if (length <= 2 * DAY) return "hour";
  if (length <= 100 * DAY) return "day";
  return length <= 700 * DAY ? "week" : "month";
}

export function boundsOf(stretch: Stretch, now: number): Bounds {
  if ("from" in stretch) return stretch;
  const days = stretch.last > 2 * DAY;
  const first = startOf(now, days ? "day" : "hour");
  const back = Math.round(stretch.last / (days ? DAY : HOUR)) - 1;
  return { from: days ? new Date(first).setDate(new Date(first).getDate() - back) : first - back * HOUR, to: Infinity };
}

type Times = Readonly<Record<string, unknown>>;

const timeIn = (row: Times, names: readonly string[]): number | null =>
  (names.map((name) => row[name]).find((value) => typeof value === "number") as number | undefined) ?? null;

const BEGINS = ["at", "started_at", "created_at", "updated_at", "last_seen_at"];
const ENDS = ["at", "ended_at", "completed_at", "updated_at", "last_seen_at", "started_at", "created_at"];

/** Whether a row is from within the bounds, or what it tells of goes on within them. */
export function isWithin(row: object, { from, to }: Bounds): boolean {
  const begins = timeIn(row as Times, BEGINS);
  const ends = timeIn(row as Times, ENDS);
  return begins !== null && begins < to && (ends ?? begins) >= from;
}

/** "24 h", "7 d". */
export const lengthText = (ms: number): string => (ms > 2 * DAY ? `${ms / DAY} d` : `${ms / HOUR} h`);

/** "24 h", "26 Nov", "26 Nov 14:00 – 15:00". */
export function stretchText(stretch: Stretch, now: number): string {
  if ("last" in stretch) return lengthText(stretch.last);
  const { from, to } = stretch;
  if (startOf(from, "day") === from && nextStart(from, "day") === to) return dayMonth(from);
  if (startOf(from, "day") === from && startOf(to, "day") === to) return `${dayMonth(from)} – ${dayMonth(to - 1)}`;
  const sameDay = startOf(from, "day") === startOf(to, "day");
  return `${clock(from, now)} – ${sameDay ? hourMinute(to) : clock(to, now)}`;
}
