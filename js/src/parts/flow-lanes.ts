// Which agent has which lane of the sequence. Everyone has one of their own while there is room; with more agents
// than that, whoever is through gives the lane to the next, and who finds none is among the others.

import { isHuman, isLive, type Agent } from "./lanes-index.ts";

/** An agent on a lane, from the entry it first takes part in to the last one. */
export interface Stay {
  readonly id: string;
  readonly lane: number;
  readonly first: number;
  readonly last: number;
}

export interface Lanes {
  readonly count: number;
  readonly stays: readonly Stay[];
  readonly laneOf: ReadonlyMap<string, number>;
  /** The agents that share the last lane; empty if everyone has their own. */
  readonly others: readonly string[];
  /** Whether lanes pass from one to the next. */
  readonly shared: boolean;
}

interface Part {
  readonly id: string;
  readonly first: number;
  last: number;
}

/** Somebody who sends or gets an entry; `*` is no lane. */
interface Ends {
  readonly sender: string;
  readonly recipient: string;
}

export const EVERYONE = "*";

export function assignLanes(
  entries: readonly (Ends | null)[],
  agents: ReadonlyMap<string, Agent>,
  capacity: number,
): Lanes {
  const parts = new Map<string, Part>();
  entries.forEach((entry, i) => {
    if (entry === null) return;
    for (const id of [entry.sender, entry.recipient]) {
      if (id === EVERYONE) continue;
      const part = parts.get(id);
      if (part === undefined) parts.set(id, { id, first: i, last: i });
      else part.last = i;
    }
  });
  const isPerson = ({ id }: Part): boolean => {
    const agent = agents.get(id);
    return agent !== undefined && isHuman(agent);
  };
  const people = [...parts.values()].filter(isPerson);
  const rest = [...parts.values()].filter((part) => !isPerson(part));
  if (parts.size <= capacity) {
    const order = [...people, ...inTree(rest, agents)];
    const stays = order.map(({ id }, lane) => ({ id, lane, first: 0, last: Infinity }));
    return { ...byId(stays), count: stays.length, others: [], shared: false };
  }
  // Who is there to speak again, and people, keep their lane to the end.
  for (const part of rest) if (isLive(agents.get(part.id)?.status ?? null)) part.last = Infinity;
  for (const part of people) part.last = Infinity;
  const all = [...people, ...rest];
  const whole = pack(all, capacity);
  if (whole.others.length === 0) return { ...byId(whole.stays), ...whole, shared: true };
  const { stays, others } = pack(all, Math.max(1, capacity - 1));
  const { laneOf } = byId(stays);
  for (const id of others) (laneOf as Map<string, number>).set(id, capacity - 1);
  return { stays, laneOf, others, count: Math.max(2, capacity), shared: true };
}

const byId = (stays: readonly Stay[]) => ({ stays, laneOf: new Map(stays.map(({ id, lane }) => [id, lane])) });

/** Each in turn to the first lane that is free; lanes once given do not change when more comes. */
function pack(parts: readonly Part[], most: number): { stays: Stay[]; others: string[]; count: number } {
  const until: number[] = [];
  const stays: Stay[] = [];
  const others: string[] = [];
  for (const { id, first, last } of parts) {
    let lane = until.findIndex((end) => end < first);
    if (lane < 0 && until.length < most) lane = until.length;
    if (lane < 0) others.push(id);
    else {
      until[lane] = last;
      stays.push({ id, lane, first, last });
    }
  }
  return { stays, others, count: until.length };
}

/** Orchestrators first, children behind their parent, otherwise in the order of the first message. */
function inTree(parts: readonly Part[], agents: ReadonlyMap<string, Agent>): Part[] {
  const byParent = new Map<string | null, Part[]>();
  const ids = new Set(parts.map(({ id }) => id));
  const leads = (part: Part) => Number(agents.get(part.id)?.role !== "orchestrator");
  for (const part of parts.toSorted((a, b) => leads(a) - leads(b) || a.first - b.first)) {
    const named = agents.get(part.id)?.parent_id ?? null;
    const parent = named !== null && named !== part.id && ids.has(named) ? named : null;
    const siblings = byParent.get(parent);
    if (siblings === undefined) byParent.set(parent, [part]);
    else siblings.push(part);
  }
  const order = new Set<Part>();
  const place = (part: Part): void => {
    if (order.has(part)) return;
    order.add(part);
    for (const child of byParent.get(part.id) ?? []) place(child);
  };
  for (const root of byParent.get(null) ?? []) place(root);
  for (const part of parts) place(part); // parents that name each other have no root
  return [...order];
}
