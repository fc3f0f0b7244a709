// The names of the agents in a store, with a number where several have the same name.
import { alikeIn as alikeAmong, alikeOf, EVERYONE, numbersOf, ownName } from "../lib/names.ts";
import { oneLine } from "../lib/text.ts";
import type { Shown } from "./store.ts";

/** A name for people: the agent's name, with a number if others bear it too; "everyone" for `*`. */
export function agentName(store: Shown, id: string): string {
  if (id === EVERYONE) return "everyone";
  const number = namesakes(store).numbers.get(id);
  const name = ownName(id, store.tables.agents.rows.get(id));
  return number === undefined ? name : `${name} ${number}`;
}

/** How many characters of its name others of the same parent begin with too (see `endsOf`). */
export const alikeIn = (store: Shown, id: string): number => namesakes(store).alike.get(id) ?? 0;

/** How many characters of its title other tasks begin with too. */
export function alikeTask(store: Shown, id: string): number {
  const { rows } = store.tables.tasks;
  const last = titles.get(store);
  const now = performance.now();
  if (last !== undefined && last.size === rows.size && now - last.at < LOOK_MS) return last.alike.get(id) ?? 0;
  const alike = alikeAmong([[...rows.values()].map((row) => ({ id: row.id, name: oneLine(row.title ?? row.id) }))]);
  titles.set(store, { size: rows.size, at: now, alike });
  return alike.get(id) ?? 0;
}

const titles = new WeakMap<Shown, { size: number; at: number; alike: ReadonlyMap<string, number> }>();

/** Names are looked at again this often, and whenever an agent came or went. */
const LOOK_MS = 2_000;

interface Known {
  readonly size: number;
  readonly at: number;
  readonly numbers: ReadonlyMap<string, number>;
  readonly alike: ReadonlyMap<string, number>;
}

const known = new WeakMap<Shown, Known>();

function namesakes(store: Shown): Known {
  const { rows } = store.tables.agents;
  const last = known.get(store);
  const now = performance.now();
  if (last !== undefined && last.size === rows.size && now - last.at < LOOK_MS) return last;
  const fresh = { size: rows.size, at: now, numbers: numbersOf(rows.values()), alike: alikeOf(rows.values()) };
  known.set(store, fresh);
  return fresh;
}
