// Sorting rows by a value.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sortedBy } from "../../src/lib/sort.ts";

test("unknown sorts last either way, numbers in texts by value", () => {
  const sorted = (descending: boolean) => sortedBy([null, "t10", "t9"], (value) => value, descending);
  assert.deepEqual(sorted(false), ["t9", "t10", null]);
  assert.deepEqual(sorted(true), ["t10", "t9", null]);
});
