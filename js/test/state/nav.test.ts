// Going to a row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Nav } from "../../src/state/nav.ts";

test("opening a row goes to its view and clears what could hide it", () => {
  const nav = new Nav();
  nav.search.value = "something";
  nav.show("tasks", { filter: { status: "blocked" } });
  assert.deepEqual(nav.filter("tasks").value, { status: ["blocked"] });
  nav.open("tasks", "t1");
  assert.deepEqual(nav.filter("tasks").value, {});
  assert.deepEqual([nav.tab.value, nav.selected.value], ["tasks", { table: "tasks", id: "t1" }]);
});
