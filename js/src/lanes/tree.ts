// Which agent is on which row: an indented tree whose order holds still under a pointer.
import { isHuman } from "../lib/agents.ts";
import { append } from "../lib/ordered.ts";
import type { Fold } from "../parts/finished.tsx";
import type { Agent } from "../store/events.ts";

export interface LaneRow {
  agent: Agent;
  depth: number;
  /** Of a parent with many children that are finished: how many, and whether they are shown. */
  fold?: Fold;
}

interface Folding {
  /** More finished children than this fold under their parent; of a crowd, all do. */
  readonly over: number;
  readonly isOpen: (parent: string) => boolean;
  /** Who turned idle after this, ms, still stands with those who work: between two tasks nobody changes places. */
  readonly since?: number;
}

const NO_FOLDING: Folding = { over: Infinity, isOpen: () => true };

/** More agents than this are a crowd: what is over folds away, and messages are drawn of one lane at a time. */
export const CROWD = 15;

const URGENCY: Readonly<Record<string, number>> = { waiting: 0, working: 1, idle: 2 };
const OVER = 3;

/**
 * Agents as an indented tree, children under their parent: first those who wait, then those in whose tree somebody
 * does, those who work, the idle, and what is over by who was seen last.
 */
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
  const crowded = folding !== NO_FOLDING && members.size > CROWD;
  const rows: LaneRow[] = [];
  const placed = new Set<string>();
  const place = (agent: Agent, depth: number): void => {
    if (placed.has(agent.id)) return;
    placed.add(agent.id);
    const row: LaneRow = { agent, depth };
    rows.push(row);
    const own = (children.get(agent.id) ?? []).sort(order);
    const finished = own.filter((child) => !placed.has(child.id) && !lives(child));
    if (finished.length > (crowded ? 0 : folding.over)) {
      const failed = finished.filter(({ status }) => status === "failed").length;
      row.fold = { count: finished.length, failed, open: folding.isOpen(agent.id) };
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
  const urgencies = new Map<string, number>();
  const urgency = (agent: Agent): number => {
    const known = urgencies.get(agent.id);
    if (known !== undefined) return known;
    const justIdle = agent.status === "idle" && (agent.status_at ?? 0) > (folding.since ?? Infinity);
    const own = justIdle ? URGENCY["working"]! : (URGENCY[agent.status ?? ""] ?? OVER);
    urgencies.set(agent.id, own); // set before the children are visited: a cycle ends here
    const answer = Math.min(own, ...(children.get(agent.id) ?? []).map(urgency));
    urgencies.set(agent.id, answer);
    return answer;
  };
  const lives = (agent: Agent): boolean => urgency(agent) < OVER;
  const order = (a: Agent, b: Agent): number => {
    // Of two trees in which somebody waits, the one whose root does: the other may have many rows before its next.
    const byUrgency = urgency(a) - urgency(b) || Number(b.status === "waiting") - Number(a.status === "waiting");
    if (byUrgency !== 0) return byUrgency;
    const byTime = lives(a)
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
