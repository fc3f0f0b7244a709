// What the strips above the lanes count: events by time, and how many agents worked or waited at once.
// Pure functions of the index; bins are aligned to the clock, so that a bar keeps its height while it moves.
import { MINUTE, SECOND } from "../lib/durations.ts";
import { lowerBound } from "../lib/ordered.ts";
import { callAt, type Events, firstSpanSince, messageAt, spanStart } from "../store/events.ts";
import { type Scale, timeOf, xOf } from "./layout.ts";

export interface Pulse {
  /** Where the bar of the first bin begins, and how far it is to the next, pixels. */
  readonly x: number;
  readonly step: number;
  readonly events: readonly number[];
  readonly errors: readonly number[];
}

/** Width of a bar and its gap, about, in pixels. */
const BIN_PX = 5;
const BINS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400].map((s) => s * SECOND);

/** Messages and tool calls, and which of the calls failed, in bins as wide as a bar. */
export function pulseOf({ calls, messages }: Events, scale: Scale): Pulse {
  const { from, to, width } = scale;
  const least = ((to - from) / Math.max(1, width)) * BIN_PX;
  const bin = BINS.find((one) => one >= least) ?? Math.ceil(least / BINS.at(-1)!) * BINS.at(-1)!;
  // Where silences are cut out, one bar is not always the same time: there they are aligned to the pixels.
  const isCut = scale.cuts.length > 0;
  const start = isCut ? from : Math.floor(from / bin) * bin;
  const count = Math.max(1, Math.ceil(isCut ? width / BIN_PX : (to - start) / bin));
  const place = (at: number): number =>
    Math.min(count - 1, Math.floor(isCut ? xOf(scale, at) / BIN_PX : (at - start) / bin));
  const events = new Array<number>(count).fill(0);
  const errors = new Array<number>(count).fill(0);
  for (const own of calls.values()) {
    for (let i = lowerBound(own, start, callAt); i < own.length && callAt(own[i]!) <= to; i++) {
      const at = place(callAt(own[i]!));
      events[at]!++;
      if (own[i]!.status === "error" || own[i]!.status === "denied") errors[at]!++;
    }
  }
  for (let i = lowerBound(messages, start, messageAt); i < messages.length && messageAt(messages[i]!) <= to; i++) {
    events[place(messageAt(messages[i]!))]!++;
  }
  const step = isCut ? BIN_PX : (bin / (to - from)) * width;
  return { x: isCut ? 0 : xOf(scale, start), step, events, errors };
}

/** Messages and tool calls in the minute before an instant. */
export function eventsInMinute({ calls, messages }: Events, to: number): number {
  const since = to - MINUTE;
  const inside = <R>(rows: readonly R[], at: (row: R) => number) =>
    lowerBound(rows, to + 1, at) - lowerBound(rows, since, at);
  let count = inside(messages, messageAt);
  for (const own of calls.values()) count += inside(own, callAt);
  return count;
}

export interface AtOnce {
  /** For each pixel: the most that worked, and that waited, at one time in it. */
  readonly working: readonly number[];
  readonly waiting: readonly number[];
  readonly most: number;
}

export function atOnce(index: Events, scale: Scale, now: number): AtOnce {
  const working = countAtOnce(index, scale, now, "working");
  const waiting = countAtOnce(index, scale, now, "waiting");
  return { working, waiting, most: working.reduce((most, n) => Math.max(most, n), 0) };
}

function countAtOnce({ spans }: Events, scale: Scale, now: number, status: string): number[] {
  const { from, to, width } = scale;
  const changes: [number, number][] = [];
  for (const own of spans.values()) {
    for (let i = firstSpanSince(own, from); i < own.length && spanStart(own[i]!) <= to; i++) {
      const span = own[i]!;
      const end = span.ended_at ?? now;
      if (span.status !== status || end <= from || end <= spanStart(span)) continue;
      changes.push([Math.max(from, spanStart(span)), 1], [end, -1]);
    }
  }
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const counts: number[] = [];
  let n = 0;
  let next = 0;
  for (let x = 0; x < Math.floor(width); x++) {
    const since = timeOf(scale, x);
    const until = timeOf(scale, x + 1);
    while (next < changes.length && changes[next]![0] <= since) n += changes[next++]![1];
    let most = n;
    while (next < changes.length && changes[next]![0] < until) {
      n += changes[next++]![1];
      most = Math.max(most, n);
    }
    counts.push(since > now ? 0 : most);
  }
  return counts;
}

/** For how long at least one of these agents was working, ms: two at once count once. */
export function workedFor({ spans }: Events, agents: Iterable<string>, now: number): number {
  const stretches: [number, number][] = [];
  for (const id of agents) {
    for (const span of spans.get(id) ?? []) {
      if (span.status === "working") stretches.push([spanStart(span), span.ended_at ?? now]);
    }
  }
  stretches.sort((a, b) => a[0] - b[0]);
  let total = 0;
  let end = -Infinity;
  for (const [start, stop] of stretches) {
    total += Math.max(0, stop - Math.max(start, end));
    end = Math.max(end, stop);
  }
  return total;
}
