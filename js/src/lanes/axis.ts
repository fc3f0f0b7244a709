// The labels of the time axis and where they are: round instants of the reader's own clock.
import { DAY, HOUR, MINUTE, SECOND } from "../lib/durations.ts";
import { dayMonth, hourMinute, timeOfDay } from "../lib/format.ts";
import { type Scale, xOf } from "./layout.ts";

export interface AxisLabel {
  at: number;
  x: number;
  text: string;
}

/** Width of a label, about, in pixels. */
const LABEL_WIDTH = 90;
/** Nearer to an edge a label would be cut; at the right edge, where "now" stands, it would be written over. */
const EDGE = 18;
const NOW_WIDTH = 56;

const STEPS = [
  SECOND,
  2 * SECOND,
  5 * SECOND,
  10 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  28 * DAY,
  91 * DAY,
  364 * DAY,
];

/** The labels of an axis: round instants, as many as there is room for. */
export function axisLabels(scale: Scale, endsNow: boolean): AxisLabel[] {
  const right = scale.width - (endsNow ? NOW_WIDTH : EDGE);
  return roundInstants(scale.from, scale.to, scale.width / LABEL_WIDTH)
    .map(({ at, step }) => ({ at, x: xOf(scale, at), text: axisText(at, step) }))
    .filter(({ x }) => x > EDGE && x < right);
}

/** Round instants between `from` and `to`, `most` of them or fewer. */
export function roundInstants(from: number, to: number, most: number): { at: number; step: number }[] {
  const step = STEPS.find((candidate) => (to - from) / candidate <= most) ?? STEPS[STEPS.length - 1]!;
  // Steps are counted from local midnight, so that six-hour labels fall on 06:00 here and not in Greenwich.
  const shift = new Date(from).getTimezoneOffset() * MINUTE;
  const instants: { at: number; step: number }[] = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) {
    instants.push({ at, step });
  }
  return instants;
}

function axisText(at: number, step: number): string {
  const date = new Date(at);
  const atMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (step >= 364 * DAY) return String(date.getFullYear());
  if (step >= DAY || (step >= HOUR && atMidnight)) return dayMonth(at);
  return step < MINUTE ? timeOfDay(at) : hourMinute(at);
}
