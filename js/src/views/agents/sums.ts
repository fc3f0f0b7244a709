// What the rows of agents add up to: costs and tokens with those of subagents, and their activity over time.

import { MINUTE } from "../../lib/durations.ts";
import { append, lowerBound } from "../../lib/ordered.ts";
import { tokensOf } from "../../lib/tokens.ts";
import { callAt, type Events, messageAt } from "../../store/events.ts";
import type { AgentsRow } from "../../store/tables.ts";

export interface Sum {
  /** How many subagents, of any depth. */
  readonly subagents: number;
  readonly cost: number | null;
  readonly tokens: number | null;
  /** How many answers `cost` leaves out. */
  readonly unpriced: number;
}

const plus = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b);

/** Each agent that has subagents, with theirs. */
export function sumsOf(rows: readonly AgentsRow[]): ReadonlyMap<string, Sum> {
  const children = new Map<string, AgentsRow[]>();
  for (const row of rows) {
    if (row.parent_id === null || row.parent_id === row.id) continue;
    append(children, row.parent_id, row);
  }
  const sums = new Map<string, Sum>();
  const sum = (row: AgentsRow): Sum => {
    const known = sums.get(row.id);
    if (known !== undefined) return known;
    let total: Sum = {
      subagents: 0,
      cost: row.cost_usd,
      tokens: tokensOf(row),
      unpriced: row.unpriced_requests ?? 0,
    };
    sums.set(row.id, total); // set before the children are visited: a cycle ends here
    for (const child of children.get(row.id) ?? []) {
      const of = sum(child);
      total = {
        subagents: total.subagents + 1 + of.subagents,
        cost: plus(total.cost, of.cost),
        tokens: plus(total.tokens, of.tokens),
        unpriced: total.unpriced + of.unpriced,
      };
    }
    sums.set(row.id, total);
    return total;
  };
  for (const row of rows) if (children.has(row.id)) sum(row);
  return new Map([...sums].filter(([, { subagents }]) => subagents > 0));
}

/** Sender, by id or by name as messages give it → when. */
export function sentBy({ messages }: Events): ReadonlyMap<string, readonly number[]> {
  const times = new Map<string, number[]>();
  for (const message of messages) {
    if (message.sender === null) continue;
    append(times, message.sender, messageAt(message));
  }
  return times;
}

const BINS = 30;
const RECENT_MS = 30 * MINUTE;

export interface Activity {
  readonly counts: readonly number[];
  readonly total: number;
  readonly from: number;
  readonly to: number;
}

/** Tool calls and messages over the last half hour; of an agent that was gone by then, over its life. */
export function activityOf(
  agent: AgentsRow,
  index: Events,
  sent: ReadonlyMap<string, readonly number[]>,
  now: number,
): Activity | null {
  const calls = index.calls.get(agent.id) ?? [];
  const messages = sent.get(agent.id) ?? sent.get(agent.name ?? "") ?? [];
  const last = Math.max(calls.length > 0 ? callAt(calls.at(-1)!) : -Infinity, messages.at(-1) ?? -Infinity);
  if (last === -Infinity) return null;
  const over = last < now - RECENT_MS;
  const first = Math.min(calls.length > 0 ? callAt(calls[0]!) : Infinity, messages[0] ?? Infinity);
  const to = over ? last : now;
  const from = over ? Math.min(agent.started_at ?? first, first) : now - RECENT_MS;
  const counts = new Array<number>(BINS).fill(0);
  let total = 0;
  const add = (at: number): void => {
    if (at > to) return;
    total++;
    counts[Math.min(BINS - 1, Math.floor(((at - from) / Math.max(1, to - from)) * BINS))]!++;
  };
  for (let i = lowerBound(calls, from, callAt); i < calls.length; i++) add(callAt(calls[i]!));
  for (let i = lowerBound(messages, from, (at) => at); i < messages.length; i++) add(messages[i]!);
  return { counts, total, from, to };
}
