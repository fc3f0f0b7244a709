// What happened, by agent and in order of time: the tables turned into the arrays the lanes search.
// No DOM and no signals here; whoever holds the tables decides when to ask again.

import type { Rows } from "../store/tables.ts";
import { DAY, HOUR, MINUTE, USUAL_LENGTH } from "./window.ts";

export type Agent = Rows["agents"];
export type Span = Rows["spans"];
export type Call = Rows["tool_calls"];
export type Message = Rows["messages"];

/** Every list is in order of time; messages are without heartbeats. */
export interface LaneIndex {
  readonly spans: ReadonlyMap<string, readonly Span[]>;
  readonly calls: ReadonlyMap<string, readonly Call[]>;
  readonly messages: readonly Message[];
}

export const EVERYONE = "*";
const LIVE = new Set(["working", "waiting", "idle"]);

/** Whether an agent in this status is there to be talked to. */
export function isLive(status: string | null): boolean {
  return status !== null && LIVE.has(status);
}

/** People appear in the agents table too (role "human"); they are not agents. */
export function isHuman(agent: Agent): boolean {
  return agent.role === "human";
}

export function spansByAgent(rows: Iterable<Span>): Map<string, Span[]> {
  return grouped(rows, spanStart);
}

export function callsByAgent(rows: Iterable<Call>): Map<string, Call[]> {
  return grouped(rows, callAt);
}

export function messagesInOrder(rows: Iterable<Message>): Message[] {
  const messages: Message[] = [];
  for (const message of rows) if (message.at !== null && message.kind !== "heartbeat") messages.push(message);
  return inOrder(messages, messageAt);
}

export const spanStart = (span: Span): number => span.started_at ?? 0;
export const callAt = (call: Call): number => call.at ?? 0;
export const messageAt = (message: Message): number => message.at ?? 0;

/** The first index whose time is at or after `time`, in rows sorted by time. */
export function lowerBound<R>(rows: readonly R[], time: number, at: (row: R) => number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(rows[middle]!) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where to begin to see everything since `time`: one span earlier, for it may still last. */
export function firstSpanSince(spans: readonly Span[], time: number): number {
  return Math.max(0, lowerBound(spans, time, spanStart) - 1);
}

/**
 * The agents that did something between two instants, or were there to do it. Senders are given as the messages
 * name them, which is by id in some sources and by name in others.
 */
export function activeBetween(index: LaneIndex, from: number, to: number): Set<string> {
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
export function extent(index: LaneIndex, now: number): [number, number] | null {
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
  const telling = isOutcome(last) || spans.length === 1 || isLive(last.status) ? last : spans[spans.length - 2]!;
  return telling.status === "working" ? (telling.ended_at ?? now) : spanStart(telling);
}

/** A pause longer than this ends a stretch of activity. */
const PAUSE = 2 * HOUR;

/** The stretch of activity that ended last, a day long at most: what an old workspace opens on. */
export function lastStretch(index: LaneIndex, now: number): [number, number] | null {
  const ends = extent(index, now);
  if (ends === null) return null;
  const last = ends[1];
  const times: number[] = [];
  const since = last - DAY;
  for (const spans of index.spans.values()) collect(spans, since, spanStart, times);
  for (const calls of index.calls.values()) collect(calls, since, callAt, times);
  collect(index.messages, since, messageAt, times);
  times.sort((a, b) => b - a);
  let first = last;
  for (const time of times) {
    if (first - time > PAUSE) break;
    first = Math.min(first, time);
  }
  return [first, last];
}

/** A stretch with some room around it, and long enough to be looked at. */
export function withMargin([first, last]: readonly [number, number]): [number, number] {
  const margin = Math.max(MINUTE, (last - first) * 0.02);
  return [Math.min(first - margin, last - USUAL_LENGTH), last + margin];
}

function collect<R>(rows: readonly R[], since: number, at: (row: R) => number, into: number[]): void {
  for (let i = lowerBound(rows, since, at); i < rows.length; i++) into.push(at(rows[i]!));
}

function grouped<R extends { agent_id: string | null }>(rows: Iterable<R>, at: (row: R) => number): Map<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    if (row.agent_id === null || at(row) === 0) continue;
    const group = groups.get(row.agent_id);
    if (group === undefined) groups.set(row.agent_id, [row]);
    else group.push(row);
  }
  for (const group of groups.values()) inOrder(group, at);
  return groups;
}

/** Rows mostly arrive in order already, and looking is cheaper than sorting. */
function inOrder<R>(rows: R[], at: (row: R) => number): R[] {
  for (let i = 1; i < rows.length; i++) {
    if (at(rows[i]!) < at(rows[i - 1]!)) return rows.sort((a, b) => at(a) - at(b));
  }
  return rows;
}
