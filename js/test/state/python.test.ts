// The Python of what is on the screen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonRow, pythonRows } from "../../src/state/python.ts";

test("the Python for what is shown runs after the first cell", () => {
  assert.equal(pythonRow("tasks", 'a"b'), 'dash.tasks["a\\"b"]');
  assert.equal(pythonRow("tasks", "a\u202e\u{e0041}"), 'dash.tasks["a\\U0000202e\\U000e0041"]');
  assert.equal(pythonRows("tasks", {}), "dash.tasks.df()");
  assert.equal(pythonRows("tasks", { status: ["blocked"], owner: [] }), 'dash.tasks.where(status="blocked")');
  assert.equal(
    pythonRows("tasks", { status: ["blocked", "failed"], owner: ["ann"] }),
    'dash.tasks.where(status=["blocked", "failed"], owner="ann")',
  );
});
