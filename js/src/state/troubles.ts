// What is wrong with the agents of a store, looked at every few seconds: the rules look back over minutes.
import { judge, type Trouble } from "../lib/trouble.ts";
import { eventsOf } from "../store/events.ts";
import type { Shown } from "../store/store.ts";

const LOOK_MS = 2_000;

interface Known {
  readonly at: number;
  readonly troubles: ReadonlyMap<string, readonly Trouble[]>;
}

const known = new WeakMap<Shown, Known>();

/** Agent → what is wrong with it; those without are left out. In the scope of a signal it follows the clock. */
export function troublesOf(store: Shown): ReadonlyMap<string, readonly Trouble[]> {
  const now = store.now.value;
  const last = known.get(store);
  if (last !== undefined && Math.abs(now - last.at) < LOOK_MS) return last.troubles;
  const { calls } = eventsOf(store).peek();
  const troubles = new Map<string, readonly Trouble[]>();
  for (const agent of store.tables.agents.list()) {
    if (agent.status !== "working" && agent.status !== "waiting") continue;
    const found = judge(agent, calls.get(agent.id) ?? [], now);
    if (found.length > 0) troubles.set(agent.id, found);
  }
  known.set(store, { at: now, troubles });
  return troubles;
}
