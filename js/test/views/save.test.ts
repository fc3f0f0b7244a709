// A conversation as a file: its parts in order from the beginning, however many answers they come in.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ask } from "../../src/state/ask.ts";
import { exported, fileName } from "../../src/views/transcript/save.tsx";

const pages: Readonly<Record<string, object>> = {
  "": { head: "# T", parts: ["c", "d"], before: "2" },
  "2": { head: "# T", parts: ["b"], before: "1" },
  "1": { head: "# T", parts: ["a"], before: null },
};
const ask = (async (_: string, { before = "" }: { before?: string }) => pages[before]) as unknown as Ask;

test("the parts stand in order, and the head once before them", async () => {
  const told: number[] = [];
  assert.equal(await exported(ask, "s", "markdown", (n) => told.push(n)), "# T\n\na\n\nb\n\nc\n\nd\n");
  assert.deepEqual(told, [2, 3, 4]);
});

test("steps of a trajectory are numbered from its beginning", async () => {
  const steps = (async (_: string, { before }: { before?: string }) =>
    before === undefined
      ? { head: { session_id: "s" }, parts: [{ message: "b" }], before: "1" }
      : { head: { session_id: "s" }, parts: [{ message: "a" }], before: null }) as unknown as Ask;
  assert.deepEqual(JSON.parse(await exported(steps, "s", "atif", () => {})), {
    session_id: "s",
    steps: [
      { step_id: 1, message: "a" },
      { step_id: 2, message: "b" },
    ],
  });
});

test("a file has a name that every system takes", () => {
  assert.equal(fileName("../Fix: what?/\\ …", "markdown"), "Fix-what.md");
  assert.equal(fileName("…", "atif"), "transcript.json");
});
