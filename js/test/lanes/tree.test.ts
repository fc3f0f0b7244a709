// Which agents are on which row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { laneRows } from "../../src/lanes/tree.ts";
import { row } from "../support/rows.ts";

test("many finished children fold under their parent, with all that hangs on them; the living stay", () => {
  const child = (id: string, status: string, parent_id = "boss") => row("agents", id, { status, parent_id });
  const agents = [
    row("agents", "boss", { status: "offline" }),
    ...["c1", "c2", "c3"].map((id) => child(id, "done")),
    child("grandchild", "done", "c2"),
    child("busy", "working"),
  ];
  const shown = new Set(agents.map(({ id }) => id));
  const folded = laneRows(agents, shown, { over: 2, isOpen: () => false });
  assert.deepEqual(
    folded.map(({ agent }) => agent.id),
    ["boss", "busy"],
  );
  assert.deepEqual(folded[0]!.fold, { count: 3, open: false });
  assert.equal(laneRows(agents, shown, { over: 2, isOpen: () => true }).length, 6);
  assert.equal(laneRows(agents, shown, { over: 3, isOpen: () => false }).length, 6);
});
