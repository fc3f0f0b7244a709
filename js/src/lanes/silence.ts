// Long silences, in which no agent worked, wrote or called a tool. The axis of the lanes is cut there, so that ten busy
// hours of half a year can be seen.
import { HOUR } from "../lib/durations.ts";
import { lowerBound } from "../lib/ordered.ts";
import { callAt, type Events, firstSpanSince, messageAt, spanStart } from "../store/events.ts";

export interface Silence {
  readonly from: number;
  readonly to: number;
}

/** A shorter stretch is shown as it was: its lengths are compared. */
const LEAST_LENGTH = 12 * HOUR;
/** Silences are looked for in so many parts of the stretch. */
const PARTS = 4000;
/** One that takes at least this share of what is left, when those that are cut are left out, is cut. */
const SHARE = 0.05;
/** Cutting leaves less time, of which shorter silences are a share; so often that is looked at again. */
const ROUNDS = 4;
/** More cuts take the room that they are to make. */
const MOST = 12;
/** What stands around the ends of a silence, as a share of what is left. */
const MARGIN = 0.005;

/** The silences between two instants, oldest first; none before the first thing that happened or after the last. */
export function silences({ spans, calls, messages }: Events, from: number, to: number, now: number): Silence[] {
  if (to - from < LEAST_LENGTH) return [];
  const part = (to - from) / PARTS;
  const first = new Float64Array(PARTS).fill(Infinity);
  const last = new Float64Array(PARTS).fill(-Infinity);
  const place = (at: number): number => Math.min(PARTS - 1, Math.floor((at - from) / part));
  const see = (start: number, end: number): void => {
    for (let i = place(start); i <= place(end); i++) {
      first[i] = Math.min(first[i]!, Math.max(start, from + i * part));
      last[i] = Math.max(last[i]!, Math.min(end, from + (i + 1) * part));
    }
  };
  for (const own of spans.values()) {
    for (let i = firstSpanSince(own, from); i < own.length && spanStart(own[i]!) <= to; i++) {
      const { status, ended_at } = own[i]!;
      const start = Math.max(from, spanStart(own[i]!));
      const end = Math.max(start, Math.min(to, ended_at ?? now));
      // A night in which somebody waits for an answer is as silent as any other; that it began and ended is not.
      if (status === "working") see(start, end);
      else if (status === "waiting") {
        see(start, start);
        see(end, end);
      }
    }
  }
  for (const own of calls.values()) {
    for (let i = lowerBound(own, from, callAt); i < own.length && callAt(own[i]!) <= to; i++) {
      see(callAt(own[i]!), callAt(own[i]!));
    }
  }
  for (let i = lowerBound(messages, from, messageAt); i < messages.length && messageAt(messages[i]!) <= to; i++) {
    see(messageAt(messages[i]!), messageAt(messages[i]!));
  }
  const found: Silence[] = [];
  let before = -1;
  for (let i = 0; i < PARTS; i++) {
    if (last[i] === -Infinity) continue;
    if (before >= 0 && i - before > 1) found.push({ from: last[before]!, to: first[i]! });
    before = i;
  }
  return longest(found, to - from);
}

/** Those that are worth a cut, in their order. */
function longest(found: readonly Silence[], length: number): Silence[] {
  const long = found.toSorted((a, b) => b.to - b.from - (a.to - a.from)).slice(0, MOST);
  let left = length;
  let cut: Silence[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    cut = long.filter(({ from, to }) => to - from >= left * SHARE);
    left = length - cut.reduce((sum, { from, to }) => sum + to - from, 0);
  }
  const margin = left * MARGIN;
  return cut.map(({ from, to }) => ({ from: from + margin, to: to - margin })).sort((a, b) => a.from - b.from);
}
