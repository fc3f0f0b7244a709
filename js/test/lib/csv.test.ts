// CSV as Python writes it: tests/data/test_table.py holds it to the same table.
import assert from "node:assert/strict";
import { test } from "node:test";
import table from "../../../tests/data/cells.json";
import { csvCell, csvText } from "../../src/lib/csv.ts";
import { csvName } from "../../src/parts/save-rows.tsx";

test("a cell stands as Python writes it, and begins no formula", () => {
  for (const [value, cell] of table.cells) assert.equal(csvCell(value), cell, JSON.stringify(value));
});

test("a file of rows is the one that Python writes", () => {
  assert.equal(csvText(table.table.columns, table.table.rows), table.table.text);
});

test("the name says what is not in it, and of when it is", () => {
  assert.equal(csvName("tasks", null, null), "tasks.csv");
  assert.equal(csvName("messages", 20_000, null), "messages-newest-20000.csv");
  assert.equal(csvName("tasks", null, Date.UTC(2026, 0, 2, 3, 4, 5)), "tasks-2026-01-02T03-04-05.csv");
});
