// Marking what was found.
import assert from "node:assert/strict";
import { test } from "node:test";
import { finder } from "../../src/lib/search.ts";
import { stretches } from "../../src/parts/found.tsx";

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
