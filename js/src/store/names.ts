// The names of the agents in a store, with what tells those of the same name apart, and what of names and titles
// others have too.
import { alikeOf, apartOf, commonBeginnings, EVERYONE, ownName } from "../lib/names.ts";
import { oneLine } from "../lib/text.ts";
import type { Shown } from "./store.ts";
import type { Rows, TableName } from "./tables.ts";

/**
 * A name for people: the agent's name, with a number or its host if others bear it too ("planner 2", "planner gpu-box");
 * "everyone" for `*`.
 */
export function agentName(store: Shown, id: string): string {
  const host = apart(store).get(id)?.host;
  const name = agentNameThere(store, id);
  return host == null ? name : `${name} ${oneLine(host)}`;
}

/** The same where the host stands beside it. */
export function agentNameThere(store: Shown, id: string): string {
  if (id === EVERYONE) return "everyone";
  const number = apart(store).get(id)?.number;
  const name = ownName(id, store.tables.agents.rows.get(id));
  return number == null ? name : `${name} ${number}`;
}

/** The title of a session; of one without a title, the name of its agent, else its id. */
export function sessionName(store: Shown, id: string): string {
  const session = store.tables.sessions.rows.get(id);
  if (session?.title) return oneLine(session.title);
  const agent = session?.agent_id;
  return agent && store.tables.agents.rows.has(agent) ? agentName(store, agent) : oneLine(id);
}

/** How many characters of its name others of the same parent begin with too (see `endsOf`). */
export const alikeIn = (store: Shown, id: string): number => agentsAlike(store).get(id) ?? 0;

/** How many characters of its title other tasks begin with too. */
export const alikeTask = (store: Shown, id: string): number => tasksAlike(store).get(id) ?? 0;

const apart = lookedAt("agents", apartOf);
const agentsAlike = lookedAt("agents", alikeOf);
const tasksAlike = lookedAt("tasks", (tasks) =>
  commonBeginnings([Array.from(tasks, ({ id, title }) => ({ id, name: oneLine(title ?? id) }))]),
);

/** Rows are looked at again this often, and whenever one came or went. */
const LOOK_MS = 2_000;

interface Looked<K> {
  readonly size: number;
  readonly at: number;
  readonly found: K;
}

/** What `look` finds in all rows of a table, kept for a while: many cells of one picture ask for it. */
function lookedAt<T extends TableName, K>(table: T, look: (rows: Iterable<Rows[T]>) => K): (store: Shown) => K {
  const known = new WeakMap<Shown, Looked<K>>();
  return (store) => {
    const { rows } = store.tables[table];
    const last = known.get(store);
    const now = performance.now();
    if (last !== undefined && last.size === rows.size && now - last.at < LOOK_MS) return last.found;
    const found = look(rows.values());
    known.set(store, { size: rows.size, at: now, found });
    return found;
  };
}
