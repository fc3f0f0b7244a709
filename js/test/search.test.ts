// Searching with a regular expression, and marking what was found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { finder, matcher, patternOf, patternProblem } from "../src/lib/search.ts";
import { stretches } from "../src/parts/found.tsx";
import type { LogsRow } from "../src/store/tables.ts";
import { row } from "./rows.ts";

const logs = ["Error: timed out", "error at line 12", "fine"].map((text, i) => row("logs", String(i), { text }));
const matching = (query: string) => logs.filter(matcher(query, (log: LogsRow) => log.text ?? "")).map(({ id }) => id);

test("between slashes stands a regular expression, in any case unless it says otherwise", () => {
  assert.deepEqual(matching("/^error/"), ["0", "1"]);
  assert.deepEqual(matching("/^Error/u"), ["0"]);
  assert.deepEqual(matching("/line \\d+$/"), ["1"]);
  assert.equal(patternOf("error"), null);
});

test("what is no regular expression is searched for as it stands, and said", () => {
  assert.deepEqual(matching("/(/"), []);
  assert.match(patternProblem("/(/") ?? "", /not a regular expression/);
  assert.equal(patternProblem("/ok/"), null);
  assert.equal(patternProblem("a/b"), null);
});

test("what was found is marked, and nothing is lost", () => {
  const marks = (text: string, query: string) =>
    stretches(text, finder(query)!)
      .map((part) => (part.found ? `[${part.text}]` : part.text))
      .join("");
  assert.equal(marks("an error, Error", "error an"), "[an] [error], [Error]");
  assert.equal(marks("a.b a+b", "a+b"), "a.b [a+b]");
  assert.equal(marks("x1 y22", "/\\d+/"), "x[1] y[22]");
  assert.equal(marks("abc", "/x*/"), "abc");
  assert.equal(finder("  "), null);
});
