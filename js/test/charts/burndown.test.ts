// How many tasks were left, and what may be said of the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { burnOf, estimateText, timeLeft } from "../../src/charts/burndown.ts";
import { row } from "../support/rows.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NOW = Date.UTC(2026, 10, 23, 14, 22);
const ago = (minutes: number) => NOW - minutes * MINUTE;
const task = (id: string, status: string, created: number, ended: number | null = null) =>
  row("tasks", id, { status, created_at: ago(created), completed_at: ended === null ? null : ago(ended) });

test("tasks are left from their creation until they are completed, failed or cancelled", () => {
  const { course, left, total } = burnOf(
    [
      task("a", "completed", 60, 30),
      task("b", "in_progress", 60),
      { ...task("c", "cancelled", 50), updated_at: ago(20) },
      task("d", "failed", 40, 10),
    ],
    NOW,
  );
  assert.deepEqual(
    course.map((step) => [(NOW - step.at) / MINUTE, step.left]),
    [
      [60, 2],
      [50, 3],
      [40, 4],
      [30, 3],
      [20, 2],
      [10, 1],
      [0, 1],
    ],
  );
  assert.deepEqual([left, total], [1, 3], "a cancelled task is no part of the whole");
});

test("the estimate is a range that narrows with the number of tasks it rests on", () => {
  const every = (minutes: number, count: number) => Array.from({ length: count }, (_, i) => ago((count - i) * minutes));
  const few = timeLeft(every(10, 4), 6, NOW)!;
  const many = timeLeft(every(1, 100), 60, NOW)!;
  assert.equal(estimateText(few), "≈ 40 to 120 min");
  assert.ok(many.high / many.low < few.high / few.low);
});

test("no estimate without a pace, when it stalled, or when nothing is left", () => {
  const pace = [40, 30, 20, 10].map(ago);
  assert.equal(timeLeft(pace.slice(1), 3, NOW), null, "three tasks are no pace");
  assert.equal(timeLeft(pace, 0, NOW), null, "nothing is left");
  assert.equal(timeLeft(pace, 3, NOW + 100 * MINUTE), null, "nothing was finished for long");
  const fast = [55, 50, 45, 40, 35, 30, 25, 20, 15, 10].map((secondsAgo) => NOW - secondsAgo * SECOND);
  assert.notEqual(timeLeft(fast, 3, NOW + MINUTE), null, "a minute's pause of those who finish six a minute");
  assert.equal(timeLeft(fast, 3, NOW + 5 * MINUTE), null);
});

test("what it says is plain in each case", () => {
  const says = (...tasks: ReturnType<typeof task>[]) => burnOf(tasks, NOW).summary;
  assert.equal(says(), "no tasks");
  assert.equal(says(task("a", "completed", 9, 5)), "nothing left");
  assert.equal(says(task("a", "pending", 9)), "1 task left, none completed yet");
  assert.equal(says(task("a", "pending", 9), task("b", "completed", 600, 300)), "no task completed for 5 h");
  const done = [40, 30, 20, 10].map((minutes) => task(`${minutes}`, "completed", 60, minutes));
  assert.match(says(task("a", "pending", 50), ...done), /^≈ .* min at the pace of the last 40 min$/);
  assert.match(says(task("a", "pending", 9), ...done), / if none is added$/);
});
