// The agents view: its order, what folds, sums and activity.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Nav } from "../../src/state/nav.ts";
import { callsByAgent, messagesInOrder } from "../../src/store/events.ts";
import type { AgentsRow } from "../../src/store/tables.ts";
import { foldsOf, stepFold, toggleFold } from "../../src/views/agents/folds.ts";
import { activityOf, sentBy, sumsOf } from "../../src/views/agents/sums.ts";
import { type AgentItem, type Arrangement, arrange, type Folds } from "../../src/views/agents/tree.ts";
import { row } from "../support/rows.ts";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 23, 14, 22);

const boss = row("agents", "boss", { status: "working" });
const team = [
  boss,
  row("agents", "busy", { status: "working", parent_id: "boss" }),
  ...[1, 2, 3, 4, 5, 6].map((n) =>
    row("agents", `old ${n}`, { status: n === 6 ? "failed" : "done", parent_id: "boss", last_seen_at: n }),
  ),
];
const shape = (items: readonly AgentItem[]) =>
  items.map(({ agent, band, depth }) => `${"  ".repeat(depth)}${band ?? agent!.id}`);
const arranged = (rows: readonly AgentsRow[], folds: Folds = new Map()) =>
  arrange(rows, { since: NOW, open: (_, byItself) => byItself, folds, order: null });

test("more than five finished subagents fold into one line under their parent, which opens", () => {
  assert.deepEqual(shape(arranged(team)), ["boss", "  busy", "  ▸ 6 finished subagents, 1 failed"]);
  const open = shape(arranged(team, new Map([["boss", true]])));
  assert.deepEqual([open.length, open[2], open[3]], [9, "  ▾ 6 finished subagents, 1 failed", "  old 6"]);
  assert.deepEqual(shape(arranged(team, new Map([["boss", false]]))), ["boss"]);
  assert.equal(arranged(team.slice(0, -1)).length, 7, "five are few enough");
});

test("in a crowd all finished subagents fold into a mark beside their parent", () => {
  const crowd = Array.from({ length: 20 }, (_, n) =>
    row("agents", `busy ${n}`, { status: "working", parent_id: "boss" }),
  );
  const rows = [boss, ...team.slice(-2), ...crowd];
  const [first, ...rest] = arranged(rows);
  assert.deepEqual(first!.fold, { count: 2, failed: 1, open: false });
  assert.equal(rest.length, 20);
  assert.equal(arranged(rows, new Map([["boss", true]])).length, 23);
});

test("whoever waits stands first, and whoever it hangs on with it", () => {
  const waits = row("agents", "waits", { status: "waiting", parent_id: "idle" });
  const rows = [
    boss,
    row("agents", "idle", { status: "idle" }),
    row("agents", "other", { status: "working", parent_id: "idle" }),
    waits,
  ];
  assert.deepEqual(shape(arranged(rows)), ["idle", "  waits", "  other", "boss"]);
});

test("right opens step by step, left closes and then goes to the parent", () => {
  const folds = foldsOf(new Nav());
  const at = (id: string) => arranged(team, folds.value).find((item) => item.id === id)!;
  assert.equal(stepFold(folds, at("boss"), true), null);
  assert.equal(folds.value.get("boss"), true);
  stepFold(folds, at("boss"), false);
  assert.equal(folds.value.get("boss"), undefined);
  stepFold(folds, at("boss"), false);
  assert.equal(folds.value.get("boss"), false);
  toggleFold(folds, "boss");
  assert.equal(stepFold(folds, at("busy"), false), "boss");
});

test("when nobody is present, those who were are shown at once, as trees", () => {
  const past = team.map((agent) => ({ ...agent, status: agent.id === "boss" ? "offline" : "done" }));
  assert.deepEqual(shape(arranged(past)), ["▾ 1 offline", "boss", "  ▸ 7 finished subagents"]);
});

test("costs and tokens come with those of subagents of any depth, and unknown stays unknown", () => {
  const sums = sumsOf([
    row("agents", "a", { cost_usd: 1, output_tokens: 10 }),
    row("agents", "b", { parent_id: "a", cost_usd: 2 }),
    row("agents", "c", { parent_id: "b", cost_usd: null, output_tokens: 5 }),
    row("agents", "d", { parent_id: "nobody", cost_usd: 7 }),
    row("agents", "x", { parent_id: "y" }),
    row("agents", "y", { parent_id: "x" }),
  ]);
  assert.deepEqual(sums.get("a"), { subagents: 2, cost: 3, tokens: 15, unpriced: 0 });
  assert.deepEqual(sums.get("b"), { subagents: 1, cost: 2, tokens: 5, unpriced: 0 });
  assert.equal(sums.has("d"), false);
  assert.equal(sums.get("x")?.cost, null);
});

test("activity is of the last half hour, or of the life of whoever was gone by then", () => {
  const index = {
    spans: new Map(),
    calls: callsByAgent([
      row("tool_calls", "1", { agent_id: "a", at: NOW - MINUTE }),
      row("tool_calls", "2", { agent_id: "a", at: NOW - 90 * MINUTE }),
      row("tool_calls", "3", { agent_id: "gone", at: NOW - 90 * MINUTE }),
      row("tool_calls", "4", { agent_id: "gone", at: NOW - 60 * MINUTE }),
    ]),
    messages: messagesInOrder([row("messages", "m", { sender: "a's name", at: NOW - 2 * MINUTE })]),
  };
  const of = (id: string, name: string | null = null) =>
    activityOf(row("agents", id, { name }), index, sentBy(index), NOW);
  assert.equal(of("a", "a's name")?.total, 2);
  assert.deepEqual([of("gone")?.total, of("gone")?.to], [2, NOW - 60 * MINUTE]);
  assert.equal(of("silent"), null);
});

test("agents: a tree of the present, then the gone by status, then people", () => {
  const agents = [
    row("agents", "child", { status: "working", parent_id: "root" }),
    row("agents", "root", { status: "idle" }),
    row("agents", "orphan", { status: "waiting", parent_id: "nobody" }),
    row("agents", "me", { role: "human" }),
    row("agents", "old", { status: "offline" }),
    row("agents", "finished", { status: "done", last_seen_at: 50 }),
    row("agents", "long finished", { status: "done", last_seen_at: 1 }),
  ];
  const shape = (arrangement: Partial<Arrangement>) =>
    arrange(agents, { since: 10, open: () => false, order: null, ...arrangement }).map(
      ({ agent, band, depth }: AgentItem) => band ?? `${"  ".repeat(depth)}${agent!.id}`,
    );
  assert.deepEqual(shape({}), ["orphan", "root", "  child", "finished", "▸ 1 done", "▸ 1 offline", "1 person", "me"]);
  assert.deepEqual(shape({ open: (status) => status === "offline" }).slice(-4, -2), ["▾ 1 offline", "old"]);
});

test("agents that are each other's parents are shown once", () => {
  const circle = [
    row("agents", "a", { status: "working", parent_id: "b" }),
    row("agents", "b", { status: "working", parent_id: "a" }),
  ];
  const items = arrange(circle, { since: 0, open: () => false, order: null });
  assert.deepEqual(items.map(({ id }) => id).sort(), ["a", "b"]);
});
