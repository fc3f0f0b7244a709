// What the lanes are drawn from, for tests.
import {
  type Call,
  callsByAgent,
  type Events,
  type Message,
  messagesInOrder,
  type Span,
  spansByAgent,
} from "../../src/store/events.ts";
import { row } from "./rows.ts";

export const span = (agent_id: string, status: string, started_at: number, ended_at: number | null) =>
  row("spans", `${agent_id} ${started_at}`, { agent_id, status, started_at, ended_at });

export function indexOf(
  spans: readonly Span[] = [],
  calls: readonly Call[] = [],
  messages: readonly Message[] = [],
): Events {
  return { spans: spansByAgent(spans), calls: callsByAgent(calls), messages: messagesInOrder(messages) };
}
