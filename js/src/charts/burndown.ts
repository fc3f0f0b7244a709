// How many tasks were left, when, and how long the rest takes: pure functions of the tasks and a clock.
// The estimate is a range, as wide as chance makes it, and none where nothing was finished for a while.
import { HOUR, MINUTE } from "../lib/durations.ts";
import { longDuration, plural } from "../lib/format.ts";
import { isOpen } from "../lib/tasks.ts";
import type { TasksRow } from "../store/tables.ts";

interface Left {
  readonly at: number;
  readonly left: number;
}

export interface Burn {
  /** Steps: how many tasks were left from `at` on. Oldest first, the last one is now. */
  readonly course: readonly Left[];
  readonly left: number;
  readonly total: number;
  readonly estimate: Estimate | null;
  /** The estimate in words, or why there is none. */
  readonly summary: string;
}

/** The rest takes from `low` to `high` ms. */
export interface Estimate {
  readonly low: number;
  readonly high: number;
  /** Milliseconds over which the pace was measured. */
  readonly over: number;
}

const PACE_SINCE = 2 * HOUR;
/** A pause this short says nothing, however fast they were completed before. */
const PAUSE_MS = 2 * MINUTE;
/** Fewer completed tasks are no pace. */
const PACE_TASKS = 4;

/** When a task stopped being left to do; null while it is. A failed or cancelled task is left no more. */
function endOf(task: TasksRow): number | null {
  return isOpen(task) ? null : (task.completed_at ?? task.updated_at);
}

export function burnOf(tasks: readonly TasksRow[], now: number): Burn {
  const changes: [number, number][] = [];
  const finished: number[] = [];
  let left = 0;
  let total = 0;
  for (const task of tasks) {
    if (task.status !== "cancelled") total++;
    if (isOpen(task)) left++;
    const end = endOf(task);
    const begin = task.created_at ?? task.started_at ?? end;
    if (begin === null) continue;
    changes.push([begin, 1]);
    if (end !== null) changes.push([Math.max(begin, end), -1]);
    if (task.status === "completed" && end !== null) finished.push(end);
  }
  finished.sort((a, b) => a - b);
  // Of the minute, wherever it is shown: two places must not say two things.
  const estimate = timeLeft(finished, left, Math.ceil(now / MINUTE) * MINUTE);
  const added = estimate === null ? 0 : changes.filter(([at, by]) => by > 0 && at > now - estimate.over).length;
  return {
    course: courseOf(changes, now),
    left,
    total,
    estimate,
    summary: summaryOf(estimate, left, total, finished, now) + (added > 0 ? " if none is added" : ""),
  };
}

function courseOf(changes: [number, number][], now: number): Left[] {
  changes.sort((a, b) => a[0] - b[0]);
  const course: Left[] = [];
  let left = 0;
  for (const [at, by] of changes) {
    left += by;
    if (course.at(-1)?.at === at) course.pop();
    course.push({ at, left });
  }
  // What is over ended with the last of them, however long ago.
  if (left > 0) course.push({ at: Math.max(now, course.at(-1)!.at), left });
  return course;
}

/** How long the rest takes at the pace of the last two hours; null when there was hardly any pace. */
export function timeLeft(completedAt: readonly number[], remaining: number, now: number): Estimate | null {
  const recent = completedAt.filter((at) => at > now - PACE_SINCE && at <= now);
  if (recent.length < PACE_TASKS || remaining <= 0) return null;
  const over = now - recent[0]!;
  const each = over / recent.length;
  if (now - recent.at(-1)! > Math.max(4 * each, PAUSE_MS)) return null;
  // What is counted scatters by its square root: four tasks in an hour may as well have been two or six.
  const scatter = Math.sqrt(recent.length);
  const low = rounded((over / (recent.length + scatter)) * remaining);
  return { low, high: Math.max(low, rounded((over / (recent.length - scatter)) * remaining)), over };
}

/** To a step that does not pretend: a minute, five, a quarter of an hour, an hour. */
function rounded(ms: number): number {
  const step = ms < 10 * MINUTE ? MINUTE : ms < HOUR ? 5 * MINUTE : ms < 4 * HOUR ? 15 * MINUTE : HOUR;
  return Math.max(MINUTE, Math.round(ms / step) * step);
}

/** "≈ 40 to 70 min", "≈ 1 h 15 min to 3 h", "≈ 5 min". */
export function estimateText({ low, high }: Estimate): string {
  if (low === high) return `≈ ${longDuration(low)}`;
  const brief = high <= 2 * HOUR;
  return brief ? `≈ ${low / MINUTE} to ${high / MINUTE} min` : `≈ ${longDuration(low)} to ${longDuration(high)}`;
}

function summaryOf(
  estimate: Estimate | null,
  left: number,
  total: number,
  finished: readonly number[],
  now: number,
): string {
  const last = finished.at(-1);
  if (total === 0) return "no tasks";
  if (left === 0) return "nothing left";
  if (estimate !== null) return `${estimateText(estimate)} at the pace of the last ${paceText(estimate.over)}`;
  if (last === undefined) return `${plural(left, "task")} left, none completed yet`;
  if (now - last > PACE_SINCE) return `no task completed for ${longDuration(now - last)}`;
  const paced = (finished.at(-PACE_TASKS) ?? 0) > now - PACE_SINCE;
  return paced ? `none completed for ${longDuration(now - last)}` : "too few completed lately for an estimate";
}

function paceText(over: number): string {
  return over >= PACE_SINCE - 10 * MINUTE ? "2 h" : longDuration(Math.max(MINUTE, Math.round(over / MINUTE) * MINUTE));
}
