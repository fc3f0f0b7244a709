// The links between tasks: what each waits for, what waits for it, and its parts.

import { append } from "../../lib/ordered.ts";
import { isOpen } from "../../lib/tasks.ts";
import type { TasksRow } from "../../store/tables.ts";

export interface TaskLinks {
  /** Task → those that depend on it. */
  readonly neededBy: ReadonlyMap<string, readonly TasksRow[]>;
  /** Task → its subtasks. */
  readonly parts: ReadonlyMap<string, readonly TasksRow[]>;
}

export function dependencies(task: TasksRow): readonly string[] {
  return (task.depends_on ?? []).map(String);
}

export function taskLinks(tasks: readonly TasksRow[]): TaskLinks {
  const neededBy = new Map<string, TasksRow[]>();
  const parts = new Map<string, TasksRow[]>();
  for (const task of tasks) {
    for (const id of dependencies(task)) append(neededBy, id, task);
    if (task.parent_id !== null && task.parent_id !== task.id) append(parts, task.parent_id, task);
  }
  return { neededBy, parts };
}

/** Of an open task: how many of the tasks it depends on are not yet completed, as far as they are known. */
export function waitsFor(task: TasksRow, byId: ReadonlyMap<string, TasksRow>): { open: number; all: number } {
  const needed = dependencies(task);
  if (!isOpen(task)) return { open: 0, all: needed.length };
  // a task that was cancelled will not be completed, so nothing waits for it; an unknown one does not count
  const open = needed.filter((id) => {
    const other = byId.get(id);
    return other !== undefined && other.status !== "completed" && other.status !== "cancelled";
  });
  return { open: open.length, all: needed.length };
}

export interface Nested {
  readonly rows: readonly TasksRow[];
  readonly depths: ReadonlyMap<string, number>;
}

/** The rows with subtasks behind their parents; one whose parent is not among them stands for itself. */
export function nested(rows: readonly TasksRow[]): Nested {
  const { parts } = taskLinks(rows);
  const depths = new Map<string, number>();
  if (parts.size === 0) return { rows, depths };
  const ids = new Set(rows.map((row) => row.id));
  const ordered: TasksRow[] = [];
  const seen = new Set<string>();
  const put = (row: TasksRow, depth: number): void => {
    if (seen.has(row.id)) return;
    seen.add(row.id);
    if (depth > 0) depths.set(row.id, depth);
    ordered.push(row);
    for (const part of parts.get(row.id) ?? []) put(part, depth + 1);
  };
  for (const row of rows) {
    if (row.parent_id === null || row.parent_id === row.id || !ids.has(row.parent_id)) put(row, 0);
  }
  for (const row of rows) put(row, 0); // those that are each other's parents
  return { rows: ordered, depths };
}

/** How long a task has been what it is, or took, in ms, with the word before it. */
export function taskAge(task: TasksRow, now: number): { readonly word: string; readonly ms: number } | null {
  const { created_at: created, started_at: started, completed_at: completed } = task;
  const since = (word: string, from: number | null, to: number) =>
    from === null ? null : { word, ms: Math.max(0, to - from) };
  if (!isOpen(task)) return completed === null ? null : since("took", started, completed);
  if (task.status === "in_progress" && started !== null) return since("for", started, now);
  return since("open", created, now);
}
