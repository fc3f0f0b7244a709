// What Python wants shown, and what it hears of what the person looks at.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Nav } from "../../src/state/nav.ts";
import { show, viewOf } from "../../src/state/sharing.ts";

test("what is left out stays as it is", () => {
  const nav = new Nav();
  nav.search.value = "door";
  show(nav, { type: "view", tab: "tasks" });
  assert.deepEqual([nav.tab.value, nav.search.value, nav.moment.value], ["tasks", "door", null]);
  show(nav, { type: "view", at: 5 });
  assert.deepEqual([nav.tab.value, nav.moment.value], ["tasks", 5]);
  show(nav, { type: "view", at: null });
  assert.equal(nav.moment.value, null);
});

test("a filter is of the tab that is shown", () => {
  const nav = new Nav();
  show(nav, { type: "view", tab: "tasks", filter: { status: ["blocked"] } });
  assert.deepEqual(nav.filter("tasks").value, { status: ["blocked"] });
  assert.deepEqual(nav.filter("overview").value, {});
});

test("a selected row is opened where it is shown; what nobody knows is left", () => {
  const nav = new Nav();
  show(nav, { type: "view", selected: { table: "tool_calls", id: "c" } });
  assert.deepEqual([nav.tab.value, nav.selected.value], ["tools", { table: "tool_calls", id: "c" }]);
  show(nav, { type: "view", tab: "nowhere", selected: { table: "nothing", id: "c" } });
  assert.deepEqual([nav.tab.value, nav.selected.value?.table], ["tools", "tool_calls"]);
  show(nav, { type: "view", selected: null });
  assert.equal(nav.selected.value, null);
});

test("what the person looks at is told whole", () => {
  const nav = new Nav();
  nav.show("tasks", { filter: { status: "blocked" }, search: "door" });
  nav.select("tasks", "t");
  assert.deepEqual(viewOf(nav), {
    type: "view",
    tab: "tasks",
    search: "door",
    filter: { status: ["blocked"] },
    selected: { table: "tasks", id: "t" },
    at: null,
  });
});
