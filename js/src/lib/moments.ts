// A moment as a person writes it, as agent_widget/data/moments.py takes it: "14:05", "yesterday 14:05", "-2h", ISO 8601.
import { DAY, HOUR, MINUTE, SECOND } from "./durations.ts";

const UNITS: Readonly<Record<string, number>> = { d: DAY, h: HOUR, m: MINUTE, s: SECOND };
const BACK = /^-\s*((?:\d+(?:\.\d+)?\s*[dhms]\s*)+)$/;
const PART = /(\d+(?:\.\d+)?)\s*([dhms])/g;
const CLOCK = /^(?:(today|yesterday)\b\s*)?(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?$/;
const ISO = /^\d{4}-\d{2}-\d{2}(?:[t ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:z|[+-]\d{2}:?\d{2})?)?$/;

/** The moment in ms; null if the text is none. Local time unless it has an offset; "14:05" is the last time it was. */
export function momentOf(text: string, now: number): number | null {
  const words = text.trim().toLowerCase();
  const back = BACK.exec(words);
  if (back) return now - [...back[1]!.matchAll(PART)].reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);
  const clock = words === "" ? null : CLOCK.exec(words);
  if (clock) {
    const [, day, hour = "0", minute = "0", second = "0"] = clock;
    if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
    const at = new Date(now);
    at.setHours(Number(hour), Number(minute), Number(second), 0);
    if (day === "yesterday" || (day === undefined && at.getTime() > now)) at.setDate(at.getDate() - 1);
    return at.getTime();
  }
  if (!ISO.test(words)) return null;
  // A date alone is of midnight here, as a date with a time is of here.
  const at = Date.parse(words.length === 10 ? `${words}T00:00` : words.toUpperCase().replace(" ", "T"));
  return Number.isNaN(at) ? null : at;
}
