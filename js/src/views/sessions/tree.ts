// The order of the sessions view: the latest first, those that another one started under it, in the order they began.
import { newestFirst } from "../../lib/sort.ts";
import type { SessionsRow } from "../../store/tables.ts";

export interface SessionItem {
  readonly id: string;
  readonly row: SessionsRow;
  readonly depth: number;
}

const begin = (row: SessionsRow): number | null => row.started_at ?? row.updated_at;

/** Whose parent is not among the rows stands by itself. Circles are cut. */
export function nested(rows: readonly SessionsRow[]): readonly SessionItem[] {
  const sorted = newestFirst(rows, begin);
  const ids = new Set(rows.map((row) => row.id));
  const children = new Map<string, SessionsRow[]>();
  const roots: SessionsRow[] = [];
  for (const row of sorted) {
    const { parent_id: parent } = row;
    if (parent === null || parent === row.id || !ids.has(parent)) roots.push(row);
    else if (children.has(parent)) children.get(parent)!.unshift(row);
    else children.set(parent, [row]);
  }
  if (children.size === 0) return flat(roots);
  const items: SessionItem[] = [];
  const added = new Set<string>();
  const add = (row: SessionsRow, depth: number) => {
    if (added.has(row.id)) return;
    added.add(row.id);
    items.push({ id: row.id, row, depth });
    for (const child of children.get(row.id) ?? []) add(child, depth + 1);
  };
  for (const root of roots) add(root, 0);
  if (items.length < sorted.length) for (const row of sorted) add(row, 0);
  return items;
}

export const flat = (rows: readonly SessionsRow[]): readonly SessionItem[] =>
  rows.map((row) => ({ id: row.id, row, depth: 0 }));
