// Which agent is on which row: an indented tree whose order holds still under a pointer.
import { isHuman, isLive } from "../lib/agents.ts";
import { append } from "../lib/ordered.ts";
import type { Agent } from "../store/events.ts";

export interface LaneRow {
  agent: Agent;
  depth: number;
  /** Of a parent with many children that are finished: how many, and whether they are shown. */
  fold?: { readonly count: number; readonly open: boolean };
}

interface Folding {
  /** More finished children than this fold under their parent. */
  readonly over: number;
  readonly isOpen: (parent: string) => boolean;
}

const NO_FOLDING: Folding = { over: Infinity, isOpen: () => true };

/** Agents as an indented tree: children under their parent, those who live first, then who was seen last. */
export function laneRows(agents: Iterable<Agent>, shown: ReadonlySet<string>, folding = NO_FOLDING): LaneRow[] {
  const members = new Map<string, Agent>();
  for (const agent of agents) {
    if (!isHuman(agent) && (shown.has(agent.id) || shown.has(agent.name ?? agent.id))) members.set(agent.id, agent);
  }
  const children = new Map<string | null, Agent[]>();
  for (const agent of members.values()) {
    const parent = agent.parent_id !== null && members.has(agent.parent_id) ? agent.parent_id : null;
    append(children, parent, agent);
  }
  const rows: LaneRow[] = [];
  const placed = new Set<string>();
  const place = (agent: Agent, depth: number): void => {
    if (placed.has(agent.id)) return;
    placed.add(agent.id);
    const row: LaneRow = { agent, depth };
    rows.push(row);
    const own = (children.get(agent.id) ?? []).sort(order);
    const finished = own.filter((child) => !placed.has(child.id) && !lives(child));
    if (finished.length > folding.over) {
      row.fold = { count: finished.length, open: folding.isOpen(agent.id) };
      if (!row.fold.open) for (const child of finished) hide(child);
    }
    for (const child of own) place(child, depth + 1);
  };
  /** Folded away with all that hangs on it. */
  const hide = (agent: Agent): void => {
    if (placed.has(agent.id)) return;
    placed.add(agent.id);
    for (const child of children.get(agent.id) ?? []) hide(child);
  };
  const subtreeLives = new Map<string, boolean>();
  const lives = (agent: Agent): boolean => {
    const known = subtreeLives.get(agent.id);
    if (known !== undefined) return known;
    subtreeLives.set(agent.id, isLive(agent.status)); // set before the children are visited: a cycle ends here
    const answer = isLive(agent.status) || (children.get(agent.id) ?? []).some(lives);
    subtreeLives.set(agent.id, answer);
    return answer;
  };
  const order = (a: Agent, b: Agent): number => {
    const alive = lives(a);
    if (alive !== lives(b)) return alive ? -1 : 1;
    const byTime = alive
      ? (a.started_at ?? Infinity) - (b.started_at ?? Infinity)
      : (b.last_seen_at ?? 0) - (a.last_seen_at ?? 0);
    return byTime || (a.id < b.id ? -1 : 1);
  };
  for (const root of (children.get(null) ?? []).sort(order)) place(root, 0);
  for (const agent of members.values()) place(agent, 0); // parents that name each other have no root
  return rows;
}

/** The new rows in the order of the old ones while the same agents are shown: nothing moves under a pointer. */
export function keepOrder(before: readonly LaneRow[], after: readonly LaneRow[]): readonly LaneRow[] {
  if (before.length !== after.length) return after;
  const fresh = new Map(after.map((row) => [row.agent.id, row]));
  const kept = before.map((row) => fresh.get(row.agent.id));
  return kept.every((row) => row !== undefined) ? kept : after;
}
