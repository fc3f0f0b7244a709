// From rows to what is on the screen: search, filters, order, texts, and the views' own sums.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Facet, runQuery } from "../../src/state/query.ts";
import type { TasksRow } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";

test("a filter value is counted over what passes everything else", () => {
  const facets: Facet<TasksRow>[] = [
    { key: "status", title: "status", values: (task) => [task.status] },
    { key: "priority", title: "priority", values: (task) => [task.priority] },
  ];
  const rows = [
    row("tasks", "1", { status: "pending", priority: "high" }),
    row("tasks", "2", { status: "pending", priority: "low" }),
    row("tasks", "3", { status: "completed", priority: "high" }),
  ];
  const result = runQuery(rows, () => true, facets, { status: ["pending"] });
  assert.deepEqual(
    result.rows.map(({ id }) => id),
    ["1", "2"],
  );
  assert.deepEqual(result.counts.get("status"), [
    { value: "pending", count: 2 },
    { value: "completed", count: 1 },
  ]);
  assert.deepEqual(result.counts.get("priority"), [
    { value: "high", count: 1 },
    { value: "low", count: 1 },
  ]);
});
