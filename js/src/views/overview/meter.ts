// The rates of tokens and money. The tables hold totals only, so a rate is the growth that this page has seen since
// it opened; nothing is made up for the time before.

import { MINUTE, SECOND } from "../../lib/durations.ts";
import { tokensOf } from "../../lib/tokens.ts";
import type { AgentsRow } from "../../store/tables.ts";

const KEEP_MS = 15 * MINUTE;
const EVERY_MS = 5 * SECOND;
/** Minimum milliseconds for a rate: over less, chance decides. */
const LEAST_MS = 20 * SECOND;

export interface Reading {
  readonly at: number;
  readonly tokens: number;
  readonly cost: number;
}

export class Meter {
  /** Sums of what was added since the first reading, oldest first. */
  readonly readings: Reading[] = [];
  #known = new Map<string, { tokens: number; cost: number }>();

  /** Call as often as you like; reads every few seconds. */
  read(agents: Iterable<AgentsRow>, now: number): void {
    const last = this.readings.at(-1);
    if (last !== undefined && now - last.at < EVERY_MS) return;
    let { tokens, cost } = last ?? { tokens: 0, cost: 0 };
    for (const agent of agents) {
      const total = { tokens: tokensOf(agent) ?? 0, cost: agent.cost_usd ?? 0 };
      const before =
        this.#known.get(agent.id) ?? (last !== undefined && isNew(agent, last.at) ? { tokens: 0, cost: 0 } : total);
      tokens += Math.max(0, total.tokens - before.tokens);
      cost += Math.max(0, total.cost - before.cost);
      this.#known.set(agent.id, total);
    }
    this.readings.push({ at: now, tokens, cost });
    while (this.readings[0]!.at < now - KEEP_MS) this.readings.shift();
  }

  /** Growth a minute over the last `over` ms, or null while less than `least` ms was seen. */
  perMinute(what: "tokens" | "cost", over: number, least = LEAST_MS): number | null {
    const last = this.readings.at(-1);
    const first = this.readings.find((reading) => last !== undefined && reading.at >= last.at - over);
    if (last === undefined || first === undefined || last.at - first.at < least) return null;
    return ((last[what] - first[what]) / (last.at - first.at)) * MINUTE;
  }
}

/** An old agent seen for the first time was there before: what it used then is not growth. */
function isNew(agent: AgentsRow, since: number): boolean {
  return agent.started_at !== null && agent.started_at >= since - EVERY_MS;
}
