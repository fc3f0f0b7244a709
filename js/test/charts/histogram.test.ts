// The bins of scores.
import assert from "node:assert/strict";
import { test } from "node:test";
import { binned } from "../../src/charts/histogram.tsx";

test("scores at the edges have a place", () => {
  assert.deepEqual(binned([0, 0.5, 1, 1.2, -1], 2), [2, 3]);
});
