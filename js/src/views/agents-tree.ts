// The order of the agents view: a tree of those who are present, then people, then a folded group for each
// status of those who are gone.
import { plural, words } from "../format.ts";
import { isHuman } from "../parts/lanes-index.ts";
import { type SortValue, sortedBy } from "../sorting.ts";
import type { AgentsRow } from "../tables.ts";

/** A line of the view: an agent at its depth, or the head of a group. */
export interface AgentItem {
  readonly id: string;
  readonly agent: AgentsRow | null;
  readonly depth: number;
  readonly band: string | null;
}

export interface Arrangement {
  /** Whoever was seen after this is present, whatever the status. */
  readonly since: number;
  /** Whether the group of a status is open. */
  readonly open: (status: string) => boolean;
  /** null: as a tree, by urgency. */
  readonly order: { readonly value: (item: AgentItem) => SortValue; readonly descending: boolean } | null;
}

/** Who may need somebody first. */
const URGENCY = ["waiting", "failed", "working", "idle", "unknown", "done", "offline"];
const PRESENT = new Set(["waiting", "working", "idle"]);

const statusOf = (row: AgentsRow): string => row.status ?? "unknown";
const urgency = (row: AgentsRow): number => URGENCY.indexOf(statusOf(row));
const byUrgency = (a: AgentsRow, b: AgentsRow): number =>
  urgency(a) - urgency(b) || (a.started_at ?? 0) - (b.started_at ?? 0);
const byLastSeen = (a: AgentsRow, b: AgentsRow): number => (b.last_seen_at ?? 0) - (a.last_seen_at ?? 0);

const line = (agent: AgentsRow, depth = 0): AgentItem => ({ id: agent.id, agent, depth, band: null });
const head = (id: string, band: string): AgentItem => ({ id, agent: null, depth: 0, band });

/** Offline is offline, however short ago; the rest are gone when they have not been seen for long. */
function isPresent(row: AgentsRow, since: number): boolean {
  const status = statusOf(row);
  return PRESENT.has(status) || (status !== "offline" && (row.last_seen_at ?? 0) >= since);
}

export function arrange(rows: readonly AgentsRow[], { since, open, order }: Arrangement): readonly AgentItem[] {
  const people = rows.filter(isHuman);
  const agents = rows.filter((row) => !isHuman(row));
  const flat = (group: readonly AgentsRow[]) => {
    const lines = group.map((row) => line(row));
    return order === null ? lines : sortedBy(lines, order.value, order.descending);
  };
  const present = agents.filter((row) => isPresent(row, since));
  const items = order === null ? tree(present) : flat(present);
  if (people.length > 0) items.push(head("people", plural(people.length, "person", "people")), ...flat(people));
  for (const status of URGENCY) {
    const gone = agents.filter((row) => statusOf(row) === status && !isPresent(row, since)).sort(byLastSeen);
    if (gone.length === 0) continue;
    const name = status === "unknown" ? "of unknown status" : words(status);
    items.push(head(status, `${open(status) ? "▾" : "▸"} ${plural(gone.length, name, name)}`));
    if (open(status)) items.push(...flat(gone));
  }
  return items;
}

/** Children under their parent; whose parent is not among the rows is a root. Circles are cut. */
function tree(rows: readonly AgentsRow[]): AgentItem[] {
  const ids = new Set(rows.map((row) => row.id));
  const children = new Map<string | null, AgentsRow[]>();
  for (const row of rows.toSorted(byUrgency)) {
    const parent = row.parent_id !== null && row.parent_id !== row.id && ids.has(row.parent_id) ? row.parent_id : null;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [row]);
    else siblings.push(row);
  }
  const items: AgentItem[] = [];
  const seen = new Set<string>();
  const add = (row: AgentsRow, depth: number) => {
    if (seen.has(row.id)) return;
    seen.add(row.id);
    items.push(line(row, depth));
    for (const child of children.get(row.id) ?? []) add(child, depth + 1);
  };
  for (const root of children.get(null) ?? []) add(root, 0);
  for (const row of rows) add(row, 0);
  return items;
}
