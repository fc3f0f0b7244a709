// The view in the page's address.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ViewState } from "../../src/link/protocol.ts";
import { fragmentOf, viewIn } from "../../src/state/address.ts";

const USUAL: ViewState = { type: "view", tab: "overview", search: "", filter: {}, selected: null, at: null };

test("what is usual is not in the address", () => {
  assert.equal(fragmentOf(USUAL), "");
  assert.deepEqual(viewIn(""), USUAL);
});

test("every view comes back from its address", () => {
  const views: ViewState[] = [
    { ...USUAL, tab: "tasks" },
    { ...USUAL, search: "a & b = #c %20 ü\u202e" },
    { ...USUAL, tab: "tasks", filter: { status: ["blocked", "failed"], owner: ["a=b&c"], __proto__x: ["y"] } },
    { ...USUAL, tab: "agents", selected: { table: "agents", id: "home/of/ann:1 #2" } },
    { ...USUAL, at: Date.UTC(2026, 10, 27, 14, 5, 0, 7) },
  ];
  for (const view of views) assert.deepEqual(viewIn(fragmentOf(view)), view);
});

test("an address that nobody made shows what is usual", () => {
  for (const fragment of ["select=tasks", "at=never", "%", "=&=&", "filter.__proto__=x"]) {
    const { filter, ...rest } = viewIn(fragment);
    const { filter: usual, ...others } = USUAL;
    assert.deepEqual(rest, others, fragment);
    assert.equal(Object.getPrototypeOf(filter), Object.getPrototypeOf(usual));
  }
});
