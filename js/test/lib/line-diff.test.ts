// What changed between two texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineDiff } from "../../src/lib/line-diff.ts";

const shape = (before: string, after: string) =>
  lineDiff(before, after).lines.map(({ kind, text }) =>
    kind === "gap" ? `… ${text}` : `${kind === "same" ? " " : kind === "added" ? "+" : "-"}${text}`,
  );

test("a diff tells lines that came and went, and what stands around them", () => {
  assert.deepEqual(shape("a\nb\nc", "a\nx\nc"), [" a", "-b", "+x", " c"]);
  assert.deepEqual(shape("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n6\n7"), ["… 4 lines", " 5", " 6", "+7"]);
  assert.deepEqual(shape("a\nb\nc\nd", "b\nc\nx\nd"), ["-a", " b", " c", "+x", " d"]);
  assert.deepEqual(
    lineDiff("same", "same").lines.map(({ kind }) => kind),
    ["same"],
  );
  assert.deepEqual([lineDiff("a\nb", "b\nc\nd").added, lineDiff("a\nb", "b\nc\nd").removed], [2, 1]);
});

test("a diff of two long texts with nothing in common is told at once", () => {
  const long = (word: string) => Array.from({ length: 5_000 }, (_, n) => `${word} ${n}`).join("\n");
  const diff = lineDiff(long("old"), long("new"));
  assert.deepEqual([diff.added, diff.removed], [5_000, 5_000]);
});
