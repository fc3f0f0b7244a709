// The logs view: equal lines in a row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { collapse } from "../../src/views/logs/collapse.ts";
import { row } from "../support/rows.ts";

test("equal log lines in a row are one with a count", () => {
  const log = (id: string, text: string) => row("logs", id, { text, level: "info", at: Number(id) });
  const logs = [log("1", "a"), log("2", "a"), log("3", "b"), log("4", "a")];
  assert.deepEqual(
    collapse(logs, true).map(({ id, count, lastAt }) => [id, count, lastAt]),
    [
      ["1", 2, 2],
      ["3", 1, 3],
      ["4", 1, 4],
    ],
  );
  assert.equal(collapse(logs, false).length, 4);
});
