// The Python of what is on the screen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonRow, pythonRows } from "../../src/state/python.ts";

test("the Python for what is shown", () => {
  assert.equal(pythonRow("tasks", 'a"b'), 'client.tasks["a\\"b"]');
  assert.equal(pythonRows("tasks", {}), "client.tasks.df()");
  assert.equal(pythonRows("tasks", { status: ["blocked"], owner: [] }), 'client.tasks.where(status="blocked")');
  assert.equal(
    pythonRows("tasks", { status: ["blocked", "failed"] }),
    '[row for row in client.tasks if row["status"] in ("blocked", "failed",)]',
  );
});
