// What judgements add up to.
import assert from "node:assert/strict";
import { test } from "node:test";
import { courseOf, dimensionsOf, grouped, mean, part, testsOf } from "../../src/views/quality/sums.ts";
import { row } from "../support/rows.ts";

const judgement = (id: string, score: number | null, at: number, assessor: string | null = null) =>
  row("quality", id, { score, at, assessor });

test("the mean by who judged, those who judged most first", () => {
  const rows = [
    judgement("1", 0.5, 1, "a"),
    judgement("2", 1, 2, "a"),
    judgement("3", 0.2, 3, "b"),
    judgement("4", null, 4, "b"),
    judgement("5", 0.9, 5),
  ];
  assert.deepEqual(
    grouped(rows, ({ assessor }) => assessor),
    [
      { key: "a", count: 2, mean: 0.75 },
      { key: "b", count: 1, mean: 0.2 },
    ],
  );
  assert.equal(mean([]), null);
});

test("tests are summed; none is not zero", () => {
  const run = row("quality", "1", { passed: 40, failed: 2 });
  assert.deepEqual(testsOf([run, judgement("2", 1, 1)]), { passed: 40, failed: 2, skipped: 0 });
  assert.equal(testsOf([judgement("2", 1, 1)]), null);
});

test("scores over time, with a line through their means", () => {
  const course = courseOf([
    judgement("late", 1, 1_000),
    judgement("early", 0, 0),
    judgement("early too", 0.5, 10),
    judgement("unscored", null, 5_000),
  ])!;
  assert.deepEqual([course.from, course.to], [0, 1_000]);
  assert.deepEqual(
    course.points.map(({ x }) => x),
    [1, 0, 0.01],
  );
  assert.deepEqual(
    course.line.map(({ y }) => y),
    [0.25, 1],
  );
  assert.equal(courseOf([judgement("1", 1, 5), judgement("2", 0, 5)]), null);
});

test("dimensions are numbers or records with a score, of any scale", () => {
  const judged = row("quality", "1", { dimensions: { impact: 0.9, style: { score: 7 }, words: "good" } });
  assert.deepEqual(dimensionsOf(judged), [
    { name: "impact", value: 0.9 },
    { name: "style", value: 7 },
  ]);
  assert.deepEqual([0.9, 7, 85].map(part), [0.9, 0.7, 0.85]);
});
