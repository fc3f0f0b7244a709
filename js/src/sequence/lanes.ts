// Which agent has which lane of the sequence. Everyone has one of their own while there is room. With more agents
// than that, a lane passes from the agent that was silent longest to the next sender: it is decided as the messages come, so
// what is on the screen stays where it is when more arrive.

import { isHuman, isLive } from "../lib/agents.ts";
import { EVERYONE } from "../lib/names.ts";
import { append } from "../lib/ordered.ts";
import type { Agent } from "../store/events.ts";

/** An agent on a lane, from one entry to another. */
export interface Stay {
  readonly id: string;
  readonly lane: number;
  readonly first: number;
  readonly last: number;
}

/** The lanes of an entry's two ends. */
export interface Way {
  readonly from: number;
  readonly to: number;
}

export interface Lanes {
  readonly count: number;
  readonly stays: readonly Stay[];
  /** By entry. */
  readonly ways: readonly (Way | null)[];
  /** The agents that share the last lane when they find no other. */
  readonly others: readonly string[];
  /** Whether lanes pass from one to the next. */
  readonly shared: boolean;
}

/** Sender and recipient of an entry; `*` is no lane. */
export interface Ends {
  readonly sender: string;
  readonly recipient: string;
  /** The work it gives, and the entry up to which that lasts: a lane is not taken from who is at work. */
  readonly work: { readonly worker: string; readonly until: number } | null;
}

/** A lane is taken only from who had nothing to do with this many entries. */
const CALM = 4;

/** Entries of silence after which a lane is given away even while others are free: arrows stay short, and names near. */
const QUIET = 12;

export function assignLanes(
  entries: readonly (Ends | null)[],
  agents: ReadonlyMap<string, Agent>,
  capacity: number,
): Lanes {
  const firsts = new Map<string, number>();
  entries.forEach((entry, i) => {
    for (const id of idsOf(entry)) if (!firsts.has(id)) firsts.set(id, i);
  });
  const ids = [...firsts.keys()];
  const people = ids.filter((id) => {
    const agent = agents.get(id);
    return agent !== undefined && isHuman(agent);
  });
  const rest = ids.filter((id) => !people.includes(id));
  if (ids.length > capacity) {
    const whole = passOn(entries, agents, people, capacity, false);
    return whole.others.length === 0 ? whole : passOn(entries, agents, people, capacity, true);
  }
  const order = [...people, ...inTree(rest, firsts, agents)];
  const laneOf = new Map(order.map((id, lane) => [id, lane]));
  const ways = entries.map(
    (entry) => entry && { from: laneOf.get(entry.sender)!, to: laneOf.get(entry.recipient) ?? 0 },
  );
  const stays = order.map((id, lane) => ({ id, lane, first: 0, last: Infinity }));
  return { count: order.length, stays, ways, others: [], shared: false };
}

const idsOf = (entry: Ends | null): readonly string[] =>
  entry === null ? [] : entry.recipient === EVERYONE ? [entry.sender] : [entry.sender, entry.recipient];

interface Holder {
  readonly id: string;
  readonly lane: number;
  readonly first: number;
  last: number;
  busyUntil: number;
}

function passOn(
  entries: readonly (Ends | null)[],
  agents: ReadonlyMap<string, Agent>,
  people: readonly string[],
  capacity: number,
  crowded: boolean,
): Lanes {
  const most = Math.max(1, crowded ? capacity - 1 : capacity);
  const holders: Holder[] = [];
  const holderOf = new Map<string, Holder>();
  const stays: Stay[] = [];
  const others = new Set<string>();
  const crowd = most;

  const settle = (id: string, lane: number, first: number, busyUntil = 0): Holder => {
    const holder = { id, lane, first, last: first, busyUntil };
    holders[lane] = holder;
    holderOf.set(id, holder);
    return holder;
  };
  const leave = ({ id, lane, first, last }: Holder): void => {
    stays.push({ id, lane, first, last });
    holderOf.delete(id);
  };
  const find = (id: string, now: number): Holder | undefined => {
    const known = holderOf.get(id);
    if (known !== undefined) return known;
    const quiet = holders.find((holder) => holder.last <= now - QUIET && holder.busyUntil < now);
    if (quiet !== undefined) {
      leave(quiet);
      return settle(id, quiet.lane, now);
    }
    if (holders.length < most) return settle(id, holders.length, now);
    let longest: Holder | undefined;
    for (const holder of holders) {
      const isThrough = holder.busyUntil > 0 && holder.busyUntil <= holder.last;
      if (holder.last > now - (isThrough ? 1 : CALM) || holder.busyUntil >= now) continue;
      if (longest === undefined || holder.last < longest.last) longest = holder;
    }
    if (longest === undefined) return undefined;
    leave(longest);
    return settle(id, longest.lane, now);
  };

  // People keep theirs.
  for (const id of people.slice(0, most)) settle(id, holders.length, 0, Infinity);
  const ways = entries.map((entry, now): Way | null => {
    if (entry === null) return null;
    const [from = crowd, to = crowd] = idsOf(entry).map((id) => {
      const holder = find(id, now);
      if (holder === undefined) others.add(id);
      else holder.last = now;
      return holder?.lane;
    });
    const worker = entry.work === null ? undefined : holderOf.get(entry.work.worker);
    if (worker !== undefined) worker.busyUntil = Math.max(worker.busyUntil, entry.work!.until);
    return { from, to };
  });
  for (const holder of holders) {
    const stays = holder.busyUntil === Infinity || isLive(agents.get(holder.id)?.status ?? null);
    leave(stays ? { ...holder, last: Infinity } : holder);
  }
  return { count: crowded ? most + 1 : holders.length, stays, ways, others: [...others], shared: true };
}

/** Orchestrators first, children behind their parent, otherwise in the order of the first message. */
function inTree(
  ids: readonly string[],
  firsts: ReadonlyMap<string, number>,
  agents: ReadonlyMap<string, Agent>,
): string[] {
  const known = new Set(ids);
  const children = new Map<string | null, string[]>();
  const leads = (id: string) => Number(agents.get(id)?.role !== "orchestrator");
  for (const id of ids.toSorted((a, b) => leads(a) - leads(b) || firsts.get(a)! - firsts.get(b)!)) {
    const named = agents.get(id)?.parent_id ?? null;
    const parent = named !== null && named !== id && known.has(named) ? named : null;
    append(children, parent, id);
  }
  const order = new Set<string>();
  const place = (id: string): void => {
    if (order.has(id)) return;
    order.add(id);
    for (const child of children.get(id) ?? []) place(child);
  };
  for (const root of children.get(null) ?? []) place(root);
  for (const id of ids) place(id); // parents that name each other have no root
  return [...order];
}
