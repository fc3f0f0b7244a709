// The order of the agents view: the trees in which somebody is present, then a group for each status of those
// that are over, then people. Finished subagents fold under their parent when there are many.
import { CROWD } from "../../lanes/tree.ts";
import { isHuman } from "../../lib/agents.ts";
import { plural, words } from "../../lib/format.ts";
import { type SortValue, sortedBy } from "../../lib/sort.ts";
import type { Fold } from "../../parts/finished.tsx";
import type { AgentsRow } from "../../store/tables.ts";

/** A line of the view: an agent at its depth, or a band: the head of a group, or of an agent's finished children. */
export interface AgentItem {
  readonly id: string;
  readonly agent: AgentsRow | null;
  readonly depth: number;
  readonly band: string | null;
  /** Whether its children are shown; null where it has none. */
  readonly expanded: boolean | null;
  /** The line it hangs on. */
  readonly parent: string | null;
  /** In a crowd: how many of its children are finished, and whether they are shown. */
  readonly fold: Fold | null;
}

/** true: everything under an agent is shown, false: nothing; not there: all but many finished ones. */
export type Folds = ReadonlyMap<string, boolean>;

export interface Arrangement {
  /** An agent seen after this is present, whatever its status. */
  readonly since: number;
  /** Whether the group of a status is open, given whether it is by itself. */
  readonly open: (status: string, byItself: boolean) => boolean;
  readonly folds?: Folds;
  /** null: as a tree, by urgency. */
  readonly order: { readonly value: (item: AgentItem) => SortValue; readonly descending: boolean } | null;
}

/** More finished children than this fold into a line; in a crowd all do, into a mark beside their parent's name. */
const FINISHED_OVER = 5;
const FINISHED = "finished of ";
export const finishedOf = (id: string): string | null => (id.startsWith(FINISHED) ? id.slice(FINISHED.length) : null);

/** The order of statuses: those that may need a person first. */
const URGENCY = ["waiting", "failed", "working", "idle", "unknown", "done", "offline"];
/** Those that are over: what went wrong, what came to an end, what is not known. */
const OVER = ["failed", "done", "waiting", "working", "idle", "offline", "unknown"];
const PRESENT = new Set(["waiting", "working", "idle"]);

const hasFailed = ({ status }: AgentsRow): boolean => status === "failed";
const statusOf = (row: AgentsRow): string => row.status ?? "unknown";
const urgency = (row: AgentsRow): number => URGENCY.indexOf(statusOf(row));
const byLastSeen = (a: AgentsRow, b: AgentsRow): number => (b.last_seen_at ?? 0) - (a.last_seen_at ?? 0);

const line = (agent: AgentsRow, depth = 0): AgentItem => ({
  id: agent.id,
  agent,
  depth,
  band: null,
  expanded: null,
  parent: null,
  fold: null,
});
const OPEN = "▾";
const CLOSED = "▸";
const head = (id: string, label: string, isOpen: boolean | null): AgentItem => ({
  id,
  agent: null,
  depth: 0,
  band: isOpen === null ? label : `${isOpen ? OPEN : CLOSED} ${label}`,
  expanded: isOpen,
  parent: null,
  fold: null,
});

/** Offline is offline, however short ago; the rest are gone when they have not been seen for long. */
function isPresent(row: AgentsRow, since: number): boolean {
  const status = statusOf(row);
  return PRESENT.has(status) || (status !== "offline" && (row.last_seen_at ?? 0) >= since);
}

export function arrange(rows: readonly AgentsRow[], how: Arrangement): readonly AgentItem[] {
  const { since, open, order } = how;
  const people = rows.filter(isHuman);
  const agents = rows.filter((row) => !isHuman(row));
  const forest = new Forest(agents, since, how.folds ?? new Map());
  const flat = (group: readonly AgentsRow[]) =>
    sortedBy(
      group.map((row) => line(row)),
      order!.value,
      order!.descending,
    );
  const roots = forest.roots.toSorted(forest.byUrgency);
  const here = roots.filter((root) => forest.isLively(root));
  const items = order === null ? forest.lines(here) : flat(here.flatMap((root) => forest.all(root)));
  for (const status of OVER) {
    const gone = roots.filter((row) => statusOf(row) === status && !forest.isLively(row)).sort(byLastSeen);
    if (gone.length === 0) continue;
    const name = status === "unknown" ? "of unknown status" : words(status);
    const isOpen = open(status, here.length === 0);
    items.push(head(status, plural(gone.length, name, name), isOpen));
    if (isOpen) items.push(...(order === null ? forest.lines(gone) : flat(gone.flatMap((root) => forest.all(root)))));
  }
  if (people.length > 0) {
    const own = people.map((row) => line(row));
    items.push(head("people", plural(people.length, "person", "people"), null), ...own);
  }
  return items;
}

/** Children under their parent; whose parent is not among the rows is a root. Circles are cut. */
class Forest {
  readonly roots: AgentsRow[] = [];
  readonly #children = new Map<string, AgentsRow[]>();
  readonly #urgencies = new Map<string, number>();
  readonly #lively = new Map<string, boolean>();
  readonly #crowded: boolean;

  constructor(
    rows: readonly AgentsRow[],
    readonly since: number,
    readonly folds: Folds,
  ) {
    const byId = new Map(rows.map((row) => [row.id, row]));
    this.#crowded = rows.filter(({ status }) => PRESENT.has(status ?? "")).length > CROWD;
    for (const row of rows) {
      const parent = row.parent_id === null || circles(row, byId) ? undefined : byId.get(row.parent_id);
      if (parent === undefined) this.roots.push(row);
      else if (this.#children.has(parent.id)) this.#children.get(parent.id)!.push(row);
      else this.#children.set(parent.id, [row]);
    }
    for (const own of this.#children.values()) own.sort(this.byUrgency);
  }

  /** Agents that wait come first, then the parents of such: of these the next may be many rows below. */
  readonly byUrgency = (a: AgentsRow, b: AgentsRow): number =>
    this.#urgency(a) - this.#urgency(b) ||
    Number(b.status === "waiting") - Number(a.status === "waiting") ||
    (a.started_at ?? 0) - (b.started_at ?? 0);

  #urgency(row: AgentsRow): number {
    const known = this.#urgencies.get(row.id);
    if (known !== undefined) return known;
    const below = this.#of(row).filter((child) => isPresent(child, this.since) || this.#of(child).length > 0);
    const answer = Math.min(urgency(row), ...below.map((child) => this.#urgency(child)));
    this.#urgencies.set(row.id, answer);
    return answer;
  }

  /** Whether somebody in the tree is present. */
  isLively(row: AgentsRow): boolean {
    const known = this.#lively.get(row.id);
    if (known !== undefined) return known;
    const answer = isPresent(row, this.since) || this.#of(row).some((child) => this.isLively(child));
    this.#lively.set(row.id, answer);
    return answer;
  }

  all(row: AgentsRow): AgentsRow[] {
    return [row, ...this.#of(row).flatMap((child) => this.all(child))];
  }

  lines(rows: readonly AgentsRow[], depth = 0, parent: string | null = null): AgentItem[] {
    return rows.flatMap((row) => {
      const all = this.#of(row);
      const fold = this.folds.get(row.id);
      const over = this.#crowded ? this.#over(all) : [];
      const own = over.length > 0 && fold !== true ? all.filter((child) => !over.includes(child)) : all;
      const item = {
        ...line(row, depth),
        expanded: own.length === 0 ? null : fold !== false,
        parent,
        fold:
          over.length === 0 ? null : { count: over.length, failed: over.filter(hasFailed).length, open: fold === true },
      };
      return item.expanded ? [item, ...this.#under(row, own, fold, depth + 1)] : [item];
    });
  }

  /** Those that are finished, with all that hangs on them. */
  #over(own: readonly AgentsRow[]): readonly AgentsRow[] {
    return own.filter((child) => !PRESENT.has(statusOf(child)) && !this.#of(child).some((one) => this.isLively(one)));
  }

  #under(row: AgentsRow, own: readonly AgentsRow[], fold: boolean | undefined, depth: number): AgentItem[] {
    const over = [...this.#over(own)];
    if (this.#crowded || over.length <= FINISHED_OVER) return this.lines(own, depth, row.id);
    const going = own.filter((child) => !over.includes(child));
    const failed = over.filter(hasFailed).length;
    const label = `${plural(over.length, "finished subagent")}${failed > 0 ? `, ${failed} failed` : ""}`;
    const band: AgentItem = { ...head(`${FINISHED}${row.id}`, label, fold === true), depth, parent: row.id };
    return [
      ...this.lines(going, depth, row.id),
      band,
      ...(fold ? this.lines(over.sort(byLastSeen), depth, row.id) : []),
    ];
  }

  #of(row: AgentsRow): readonly AgentsRow[] {
    return this.#children.get(row.id) ?? [];
  }
}

/** Whether one comes back to a row by going from parent to parent. */
function circles(row: AgentsRow, byId: ReadonlyMap<string, AgentsRow>): boolean {
  const seen = new Set<string>();
  for (
    let at: AgentsRow | undefined = row;
    at !== undefined;
    at = at.parent_id === null ? undefined : byId.get(at.parent_id)
  ) {
    if (seen.has(at.id)) return at.id === row.id;
    seen.add(at.id);
  }
  return false;
}
