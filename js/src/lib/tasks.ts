// What follows from the row of a task.
import type { TasksRow } from "../store/tables.ts";

const CLOSED = new Set<string | null>(["completed", "cancelled", "failed"]);

/** Whether a task is left to do. */
export const isOpen = (task: TasksRow): boolean => !CLOSED.has(task.status);
