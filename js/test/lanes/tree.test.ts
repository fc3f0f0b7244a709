// Which agents are on which row.
import assert from "node:assert/strict";
import { test } from "node:test";
import { laneRows } from "../../src/lanes/tree.ts";
import { arrange } from "../../src/views/agents/tree.ts";
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
  assert.deepEqual(folded[0]!.fold, { count: 3, failed: 0, open: false });
  assert.equal(laneRows(agents, shown, { over: 2, isOpen: () => true }).length, 6);
  assert.equal(laneRows(agents, shown, { over: 3, isOpen: () => false }).length, 6);
});

const child = (id: string, status: string, more = {}) =>
  row("agents", id, { status, parent_id: "boss", started_at: Number(id.slice(1)), ...more });
const order = (agents: ReturnType<typeof child>[], since?: number) =>
  laneRows(agents, new Set(agents.map(({ id }) => id)), {
    over: 5,
    isOpen: () => false,
    ...(since !== undefined && { since }),
  }).map(({ agent }) => agent.id);

test("who waits comes first with its parents, then who works, the idle, what is over", () => {
  const boss = row("agents", "boss", { status: "idle", started_at: 9 });
  const other = row("agents", "other", { status: "working", started_at: 1 });
  const team = [child("a1", "done"), child("a2", "idle"), child("a3", "working"), child("a4", "waiting")];
  assert.deepEqual(order([other, boss, ...team]), ["boss", "a4", "a3", "a2", "a1", "other"]);
});

test("between two tasks nobody changes places: who is idle for a moment stands with those who work", () => {
  const team = [
    child("a1", "idle", { status_at: 100 }),
    child("a2", "idle", { status_at: 200 }),
    child("a3", "working"),
  ];
  assert.deepEqual(order(team, 150), ["a2", "a3", "a1"]);
});

test("of a crowd all that is finished folds, of a few only many", () => {
  const boss = row("agents", "boss", { status: "working" });
  const team = (working: number) => [
    boss,
    child("a100", "done"),
    child("a101", "failed"),
    ...Array.from({ length: working }, (_, n) => child(`a${n}`, "working")),
  ];
  assert.ok(order(team(5)).includes("a100"));
  const crowd = team(20);
  const rows = laneRows(crowd, new Set(crowd.map(({ id }) => id)), { over: 5, isOpen: () => false });
  assert.equal(rows.length, 21);
  assert.deepEqual(rows[0]!.fold, { count: 2, failed: 1, open: false });
});

test("who waits alone is not looked for below a large team in which somebody waits too", () => {
  const team = [
    row("agents", "boss", { status: "working", started_at: 1 }),
    child("a2", "waiting"),
    child("a3", "working"),
  ];
  const alone = row("agents", "alone", { status: "waiting", started_at: 5 });
  assert.deepEqual(order([...team, alone]), ["alone", "boss", "a2", "a3"]);
  assert.deepEqual(
    arrange([...team, alone], { since: 0, open: () => true, order: null }).map(({ id }) => id),
    ["alone", "boss", "a2", "a3"],
  );
});
