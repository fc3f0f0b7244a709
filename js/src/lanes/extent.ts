// Which stretches of time hold activity, and who was active in them.
import { isLive } from "../lib/agents.ts";
import { DAY, HOUR, MINUTE } from "../lib/durations.ts";
import { lowerBound } from "../lib/ordered.ts";
import { callAt, type Events, firstSpanSince, messageAt, type Span, spanStart } from "../store/events.ts";
import { USUAL_LENGTH } from "./window.ts";

/**
 * The agents that did something between two instants, or were there to do it. Senders are given as the messages
 * name them, which is by id in some sources and by name in others.
 */
export function activeBetween(index: Events, from: number, to: number): Set<string> {
  const active = new Set<string>();
  for (const [agent, spans] of index.spans) {
    for (let i = firstSpanSince(spans, from); i < spans.length && spanStart(spans[i]!) <= to; i++) {
      const span = spans[i]!;
      // An agent that is done or gone stays so for ever: only the moment it became so is an event.
      const counts = isLive(span.status)
        ? (span.ended_at ?? Infinity) >= from
        : isOutcome(span) && spanStart(span) >= from;
      if (counts) {
        active.add(agent);
        break;
      }
    }
  }
  for (const [agent, calls] of index.calls) {
    const next = calls[lowerBound(calls, from, callAt)];
    if (next !== undefined && callAt(next) <= to) active.add(agent);
  }
  const messages = index.messages;
  for (let i = lowerBound(messages, from, messageAt); i < messages.length && messageAt(messages[i]!) <= to; i++) {
    const sender = messages[i]!.sender;
    if (sender !== null) active.add(sender);
  }
  return active;
}

function isOutcome(span: Span): boolean {
  return span.status === "done" || span.status === "failed";
}

/** The ends of all that is known: [earliest, latest] instant at which something happened, or null. */
export function extent(index: Events, now: number): [number, number] | null {
  let first = Infinity;
  let last = -Infinity;
  const see = (time: number): void => {
    first = Math.min(first, time);
    last = Math.max(last, time);
  };
  for (const spans of index.spans.values()) {
    see(spanStart(spans[0]!));
    see(lastSign(spans, now));
  }
  for (const calls of index.calls.values()) {
    see(callAt(calls[0]!));
    see(callAt(calls[calls.length - 1]!));
  }
  if (index.messages.length > 0) {
    see(messageAt(index.messages[0]!));
    see(messageAt(index.messages[index.messages.length - 1]!));
  }
  return first <= last ? [first, last] : null;
}

/** Work lasts, its end is a moment, and idle or silent time is no sign of life but for its beginning. */
function lastSign(spans: readonly Span[], now: number): number {
  const last = spans[spans.length - 1]!;
  if (isLive(last.status) && last.ended_at === null) return now;
  const deciding = isOutcome(last) || spans.length === 1 || isLive(last.status) ? last : spans[spans.length - 2]!;
  return deciding.status === "working" ? (deciding.ended_at ?? now) : spanStart(deciding);
}

/** A pause longer than this ends a stretch of activity. */
const PAUSE = 2 * HOUR;

/** The stretch of activity that ended last, a day long at most: what an old workspace opens on. */
export function lastStretch(index: Events, now: number): [number, number] | null {
  const ends = extent(index, now);
  if (ends === null) return null;
  const last = ends[1];
  // From pause to pause: what is the earliest within one pause of the begin is the new begin. Lists are in order, so a
  // busy day costs a few searches in each.
  for (let first = last; ; ) {
    const since = Math.max(first - PAUSE, last - DAY);
    let earliest = first;
    const look = <R>(rows: readonly R[], at: (row: R) => number): void => {
      const row = rows[lowerBound(rows, since, at)];
      if (row !== undefined) earliest = Math.min(earliest, at(row));
    };
    for (const spans of index.spans.values()) look(spans, spanStart);
    for (const calls of index.calls.values()) look(calls, callAt);
    look(index.messages, messageAt);
    if (earliest === first) return [first, last];
    first = earliest;
  }
}

/** A stretch with some room around it, and long enough to be looked at. */
export function withMargin([first, last]: readonly [number, number]): [number, number] {
  const margin = Math.max(MINUTE, (last - first) * 0.02);
  return [Math.min(first - margin, last - USUAL_LENGTH), last + margin];
}
