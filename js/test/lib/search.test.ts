// Searching by words and by a regular expression.
import assert from "node:assert/strict";
import { test } from "node:test";
import { finder, matcher, patternOf, patternProblem, stretches } from "../../src/lib/search.ts";
import type { LogsRow, TasksRow } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";

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

test("every word searched for has to occur, in any case", () => {
  const rows = [row("tasks", "1", { title: "Fix the Watcher" }), row("tasks", "2", { title: "Fix the server" })];
  const text = (task: TasksRow) => task.title ?? "";
  assert.deepEqual(
    rows.filter(matcher("WATCH  fix", text)).map(({ id }) => id),
    ["1"],
  );
  assert.equal(rows.filter(matcher("  ", text)).length, 2);
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
