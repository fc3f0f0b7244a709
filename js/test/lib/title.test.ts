// The title of the page.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tabTitleOf, titleOf } from "../../src/lib/title.ts";

test("the title says who waits", () => {
  assert.equal(titleOf([]), "agents");
  assert.equal(titleOf(["planner"]), "◆ planner waits for you");
  assert.equal(titleOf(["a", "b"]), "◆ 2 wait for you: a, b");
  assert.equal(titleOf(["a", "b", "c", "d"]), "◆ 4 wait for you: a, b, c, …");
  assert.ok(!titleOf(["a\u202eb\nc"]).includes("\u202e"), "what cannot be seen is named");
});

test("so does the tab of a panel, in fewer words", () => {
  assert.equal(tabTitleOf("Agents", []), "Agents");
  assert.equal(tabTitleOf("Agents", ["planner"]), "◆ planner");
  assert.equal(tabTitleOf("Agents", ["a", "b", "c", "d"]), "◆ 4: a, b, c, …");
  assert.ok(!tabTitleOf("Agents", ["a\u202eb"]).includes("\u202e"));
});
