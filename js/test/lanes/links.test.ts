// Who worked for whom.
import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutLinks } from "../../src/lanes/links.ts";
import { indexOf, span } from "../support/events.ts";
import { row } from "../support/rows.ts";

test("a child hangs on its parent from its start to its end", () => {
  const rows = [
    { agent: row("agents", "boss", { status: "working" }), depth: 0 },
    { agent: row("agents", "done", { status: "done", parent_id: "boss", started_at: 10 }), depth: 1 },
    { agent: row("agents", "busy", { status: "working", parent_id: "boss", started_at: 200 }), depth: 1 },
    { agent: row("agents", "later", { status: "working", parent_id: "boss", started_at: 50 }), depth: 1 },
  ];
  const index = indexOf([span("done", "working", 10, 40), span("done", "done", 40, null)]);
  const links = layoutLinks({ index, rows, first: 0, last: 4, scale: { from: 0, to: 100, width: 1000, cuts: [] } });
  assert.deepEqual(links, [
    { parent: 0, child: 1, out: 100, back: 400 },
    { parent: 0, child: 3, out: 500, back: null },
  ]);
});
