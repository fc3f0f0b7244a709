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
const NOW_WIDTH = 78;

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
  if (scale.cuts.length > 0) return labelsBetweenCuts(scale, right);
  return roundInstants(scale.from, scale.to, scale.width / LABEL_WIDTH)
    .map(({ at, step }) => ({ at, x: xOf(scale, at), text: axisText(at, step) }))
    .filter(({ x }) => x > EDGE && x < right);
}

/** Half of a label that says a day, about, in pixels. */
const HALF = 22;

/** After each cut the day on which it goes on, and round instants where there is room between. */
function labelsBetweenCuts(scale: Scale, right: number): AxisLabel[] {
  const { cuts } = scale;
  const labels: AxisLabel[] = [];
  for (const [i, from] of [scale.from, ...cuts.map((cut) => cut.to)].entries()) {
    const to = cuts[i]?.from ?? scale.to;
    const [left, end] = [xOf(scale, from), Math.min(right, xOf(scale, to))];
    const first = Math.max(left, EDGE) + HALF;
    const place = (x: number): boolean => x - (labels.at(-1)?.x ?? -Infinity) >= 2 * HALF + 8 && x < right;
    const day = dayMonth(from);
    const same = labels.some(({ text }) => text === day);
    if (place(first)) labels.push({ at: from, x: first, text: same ? hourMinute(from) : day });
    for (const { at, step } of roundInstants(from, to, (end - left) / LABEL_WIDTH)) {
      const x = xOf(scale, at);
      if (place(x) && x < end - HALF) labels.push({ at, x, text: axisText(at, step) });
    }
  }
  return labels;
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
