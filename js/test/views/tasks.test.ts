// How tasks hang together, and how old they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TasksRow } from "../../src/store/tables.ts";
import { nested, taskAge, taskLinks, waitsFor } from "../../src/views/tasks/links.ts";
import { row } from "../support/rows.ts";

const task = (id: string, known: Partial<TasksRow> = {}) => row("tasks", id, { status: "pending", ...known });
const byId = (...tasks: TasksRow[]) => new Map(tasks.map((one) => [one.id, one]));

test("a task waits for what is known and not completed", () => {
  const done = task("done", { status: "completed" });
  const open = task("open");
  const failed = task("failed", { status: "failed" });
  const cancelled = task("cancelled", { status: "cancelled" });
  const waiting = task("w", { depends_on: ["done", "open", "failed", "cancelled", "nobody"] });
  const all = byId(done, open, failed, cancelled, waiting);
  assert.deepEqual(waitsFor(waiting, all), { open: 2, all: 5 });
  assert.deepEqual(waitsFor({ ...waiting, status: "completed" }, all), { open: 0, all: 5 });
});

test("what a task is needed for, and what it is made of", () => {
  const links = taskLinks([task("a"), task("b", { depends_on: ["a"] }), task("c", { parent_id: "a" })]);
  assert.deepEqual(
    links.neededBy.get("a")?.map(({ id }) => id),
    ["b"],
  );
  assert.deepEqual(
    links.parts.get("a")?.map(({ id }) => id),
    ["c"],
  );
});

test("subtasks stand behind their parents, each once", () => {
  const rows = [
    task("part", { parent_id: "whole" }),
    task("alone", { parent_id: "not shown" }),
    task("whole"),
    task("part of part", { parent_id: "part" }),
    task("circle 1", { parent_id: "circle 2" }),
    task("circle 2", { parent_id: "circle 1" }),
    task("itself", { parent_id: "itself" }),
  ];
  const { rows: ordered, depths } = nested(rows);
  assert.deepEqual(
    ordered.map(({ id }) => `${"  ".repeat(depths.get(id) ?? 0)}${id}`),
    ["alone", "whole", "  part", "    part of part", "itself", "circle 1", "  circle 2"],
  );
  const flat = [task("1"), task("2")];
  assert.equal(nested(flat).rows, flat);
});

test("the age of a task says what it counts", () => {
  const now = 100_000;
  const times = { created_at: 10_000, started_at: 40_000, completed_at: 70_000 };
  assert.deepEqual(taskAge(task("t", { ...times, status: "completed" }), now), { word: "took", ms: 30_000 });
  assert.deepEqual(taskAge(task("t", { ...times, status: "in_progress" }), now), { word: "for", ms: 60_000 });
  assert.deepEqual(taskAge(task("t", { created_at: 10_000 }), now), { word: "open", ms: 90_000 });
  assert.equal(taskAge(task("t", { status: "completed", completed_at: 5 }), now), null);
  assert.equal(taskAge(task("t"), now), null);
});
