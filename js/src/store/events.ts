// What happened, by agent and in order of time: spans, tool calls and messages, made from the tables once for all
// who ask.
import { computed, type ReadonlySignal } from "@preact/signals";
import { groupedByTime, lowerBound, sortByTime } from "../lib/ordered.ts";
import type { Shown } from "./store.ts";
import type { Rows } from "./tables.ts";

export type Agent = Rows["agents"];
export type Span = Rows["spans"];
export type Call = Rows["tool_calls"];
export type Message = Rows["messages"];

/** Every list is in order of time; messages are without heartbeats. */
export interface Events {
  readonly spans: ReadonlyMap<string, readonly Span[]>;
  readonly calls: ReadonlyMap<string, readonly Call[]>;
  readonly messages: readonly Message[];
}

export function spansByAgent(rows: Iterable<Span>): Map<string, Span[]> {
  return groupedByTime(
    rows,
    (span) => span.agent_id,
    (span) => span.started_at,
  );
}

export function callsByAgent(rows: Iterable<Call>): Map<string, Call[]> {
  return groupedByTime(
    rows,
    (call) => call.agent_id,
    (call) => call.at,
  );
}

export function messagesInOrder(rows: Iterable<Message>): Message[] {
  const messages: Message[] = [];
  for (const message of rows) if (message.at !== null && message.kind !== "heartbeat") messages.push(message);
  return sortByTime(messages, messageAt);
}

export const spanStart = (span: Span): number => span.started_at ?? 0;
export const callAt = (call: Call): number => call.at ?? 0;
export const messageAt = (message: Message): number => message.at ?? 0;

/** Where to begin to see everything since `time`: one span earlier, for it may still last. */
export function firstSpanSince(spans: readonly Span[], time: number): number {
  return Math.max(0, lowerBound(spans, time, spanStart) - 1);
}

const known = new WeakMap<Shown, ReadonlySignal<Events>>();

/** The events of a store, made once and shared by all who look at the same store. */
export function eventsOf(store: Shown): ReadonlySignal<Events> {
  const made = known.get(store);
  if (made !== undefined) return made;
  const { spans, tool_calls, messages } = store.tables;
  const spanIndex = computed(() => (spans.version.value, spansByAgent(spans.list())));
  const callIndex = computed(() => (tool_calls.version.value, callsByAgent(tool_calls.list())));
  const messageIndex = computed(() => (messages.version.value, messagesInOrder(messages.list())));
  const events = computed(() => ({ spans: spanIndex.value, calls: callIndex.value, messages: messageIndex.value }));
  known.set(store, events);
  return events;
}
