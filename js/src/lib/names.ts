// What agents are called: by their own name, and where several bear one, by a number too.

import { oneLine } from "../parts/text.tsx";
import type { Shown } from "../store/store.ts";
import type { AgentsRow } from "../store/tables.ts";
import { shortId } from "./format.ts";

/** "agent-1767303353127-qvwgix": its role and the end of it say more. */
const MADE_BY_A_MACHINE = /^agent-\d{10,}-(\w+)$/;

/** The agent's name, else its id by its ends. */
export function ownName(id: string, agent: AgentsRow | undefined): string {
  if (id === "user") return "you";
  const name = agent?.name || id;
  const made = MADE_BY_A_MACHINE.exec(name);
  return oneLine(made ? `${agent?.role ?? "agent"} ${made[1]}` : shortId(name.replace(/^agent-(?=.)/, "")));
}

/**
 * Id → number, of agents whose name another one of the same parent had before: four sessions of one project are
 * "shop", "shop 2", "shop 3" and "shop 4", in the order in which they began.
 */
export function numbersOf(agents: Iterable<AgentsRow>): ReadonlyMap<string, number> {
  const groups = new Map<string, AgentsRow[]>();
  for (const agent of agents) {
    const key = `${agent.parent_id ?? ""}\n${ownName(agent.id, agent)}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [agent]);
    else group.push(agent);
  }
  const numbers = new Map<string, number>();
  for (const group of groups.values()) {
    if (group.length === 1) continue;
    group.sort((a, b) => (a.started_at ?? Infinity) - (b.started_at ?? Infinity) || (a.id < b.id ? -1 : 1));
    for (const [i, { id }] of group.entries()) if (i > 0) numbers.set(id, i + 1);
  }
  return numbers;
}

/** Names are looked at again this often, and whenever an agent came or went. */
const LOOK_MS = 2_000;

interface Known {
  readonly size: number;
  readonly at: number;
  readonly numbers: ReadonlyMap<string, number>;
}

const known = new WeakMap<Shown, Known>();

export function namesakes(store: Shown): ReadonlyMap<string, number> {
  const { rows } = store.tables.agents;
  const last = known.get(store);
  const now = performance.now();
  if (last !== undefined && last.size === rows.size && now - last.at < LOOK_MS) return last.numbers;
  const numbers = numbersOf(rows.values());
  known.set(store, { size: rows.size, at: now, numbers });
  return numbers;
}
