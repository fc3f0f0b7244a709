// The tables as they were at a moment: what the rows' own times tell of it, and nothing of what came later.
import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { AS_OF, Past } from "../../src/store/past.ts";
import { Store } from "../../src/store/store.ts";
import { TABLE_NAMES } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";

const LISTS = {
  ...(Object.fromEntries(TABLE_NAMES.map((name) => [name, []])) as unknown as Parameters<typeof AS_OF.tasks>[0]),
};

test("a task is pending, in progress or completed as its times say", () => {
  const task = row("tasks", "t", {
    status: "completed",
    progress: 1,
    created_at: 10,
    started_at: 20,
    completed_at: 30,
    updated_at: 30,
    quality: 0.9,
  });
  const at = (time: number) => AS_OF.tasks({ ...LISTS, tasks: [task] }, time)[0];
  assert.equal(at(5), undefined);
  assert.deepEqual([at(10)?.status, at(10)?.progress, at(10)?.quality], ["pending", 0, null]);
  assert.deepEqual([at(25)?.status, at(25)?.progress, at(25)?.completed_at], ["in_progress", null, null]);
  assert.equal(at(30), task);
});

test("an agent was what its spans say, and had made the calls that are told", () => {
  const agent = row("agents", "a", { name: "ann", status: "done", started_at: 10, cost_usd: 5, tool_calls: 2 });
  const spans = [
    row("spans", "1", { agent_id: "a", status: "working", status_reason: "prompted", started_at: 10, ended_at: 20 }),
    row("spans", "2", { agent_id: "a", status: "waiting", status_reason: "permission", started_at: 20, ended_at: 40 }),
  ];
  const tool_calls = [
    row("tool_calls", "c1", { agent_id: "a", at: 12, name: "Bash", input: "make", status: "ok", duration_ms: 2 }),
    row("tool_calls", "c2", { agent_id: "a", at: 18, name: "Edit", status: "error", duration_ms: 10 }),
  ];
  const at = (time: number) => AS_OF.agents({ ...LISTS, agents: [agent], spans, tool_calls }, time)[0];
  assert.equal(at(9), undefined);
  assert.deepEqual([at(15)?.status, at(15)?.status_reason, at(15)?.activity], ["working", "prompted", "Bash make"]);
  assert.deepEqual([at(25)?.status, at(25)?.tool_calls, at(25)?.errors], ["waiting", 2, 1]);
  assert.equal(at(50)?.status, "offline", "nothing is told of it any more");
});

test("an agent that asked something was not at its last call any more", () => {
  const agent = row("agents", "a", { status: "working", started_at: 10 });
  const known = { agent_id: "a", status: "waiting", status_reason: "a question to you" };
  const spans = [row("spans", "1", { ...known, started_at: 20, ended_at: 40 })];
  const tool_calls = [row("tool_calls", "c", { agent_id: "a", at: 18, name: "Edit" })];
  const asked = row("messages", "m", { sender: "a", kind: "ask", at: 20, text: "Which colour?" });
  const later = row("messages", "n", { sender: "a", kind: "ask", at: 35, text: "And the door?" });
  const activity = (...messages: (typeof asked)[]) =>
    AS_OF.agents({ ...LISTS, agents: [agent], spans, tool_calls, messages }, 25)[0]?.activity;
  assert.equal(activity(asked, later), "Which colour?");
  assert.equal(activity(), null);
});

test("what was used by then is the total without the later quarters of an hour", () => {
  const QUARTER = 900_000;
  const used = (quarter: number, output_tokens: number, cost_usd: number | null) =>
    row("usage", `${quarter}`, {
      at: quarter * QUARTER,
      agent_id: "a",
      session_id: "s",
      output_tokens,
      cost_usd,
      unpriced_requests: cost_usd === null ? 1 : 0,
    });
  const usage = [used(1, 10, null), used(2, 20, 0.5), used(5, 40, 1)];
  const total = { started_at: 1, output_tokens: 70, cost_usd: 1.5, unpriced_requests: 1 };
  const [agent, session] = [row("agents", "a", total), row("sessions", "s", total)];
  const lists = { ...LISTS, agents: [agent], sessions: [session], usage };
  for (const table of ["agents", "sessions"] as const) {
    const at = (time: number) => {
      const then = AS_OF[table](lists, time)[0];
      return [then?.output_tokens, then?.cost_usd, then?.unpriced_requests, then?.input_tokens];
    };
    assert.deepEqual(at(2), [0, 0, 0, null]);
    assert.deepEqual(at(1 * QUARTER), [10, null, 1, null], "nothing of it has a price");
    assert.deepEqual(at(4 * QUARTER), [30, 0.5, 1, null]);
    assert.deepEqual(at(5 * QUARTER), [70, 1.5, 1, null]);
    const partly = AS_OF[table]({ ...lists, usageSince: 3 * QUARTER }, 2 * QUARTER)[0];
    assert.equal(partly?.output_tokens, null, "before what is held it is not known");
  }
});

test("a call that had not returned was running", () => {
  const call = row("tool_calls", "c", { at: 10, duration_ms: 20, status: "ok", output: "fine" });
  const at = (time: number) => AS_OF.tool_calls({ ...LISTS, tool_calls: [call] }, time)[0];
  assert.deepEqual([at(15)?.status, at(15)?.output, at(15)?.duration_ms], ["running", null, null]);
  assert.equal(at(30), call);
});

test("a session was active while its agent worked, and had as many messages as were told by then", () => {
  const session = row("sessions", "s", { agent_id: "a", status: "ended", started_at: 10, ended_at: 40, messages: 3 });
  const spans = [row("spans", "1", { agent_id: "a", status: "working", started_at: 10, ended_at: 20 })];
  const messages = [
    row("messages", "m", { session_id: "s", at: 11 }),
    row("messages", "n", { session_id: "s", at: 31 }),
  ];
  const at = (time: number) => AS_OF.sessions({ ...LISTS, sessions: [session], spans, messages }, time)[0];
  assert.deepEqual([at(15)?.status, at(15)?.ended_at, at(15)?.messages], ["active", null, 1]);
  assert.deepEqual([at(40)?.status, at(40)?.ended_at, at(40)?.messages], ["ended", 40, 2]);
});

test("each table has all those that it is derived from", () => {
  const store = new Store();
  const past = new Past(store, signal<number | null>(100));
  const one = (table: (typeof TABLE_NAMES)[number]) =>
    row(table, table, { at: 50, started_at: 50, agent_id: "agents" });
  store.apply({ rows: Object.fromEntries(TABLE_NAMES.map((table) => [table, [one(table)]])), gone: {} });
  store.commit();
  for (const table of TABLE_NAMES) assert.doesNotThrow(() => past.tables[table].list(), table);
});

test("nothing that was written later is in any table", () => {
  const store = new Store();
  const moment = signal<number | null>(100);
  const past = new Past(store, moment);
  const rows = {
    messages: [row("messages", "m1", { at: 50 }), row("messages", "m2", { at: 150 })],
    logs: [row("logs", "l1", { at: 100 }), row("logs", "l2", { at: 101 })],
    quality: [row("quality", "q1", { at: null })],
  };
  store.apply({ rows, gone: {} });
  store.commit();
  assert.deepEqual(
    past.tables.messages.list().map(({ id }) => id),
    ["m1"],
  );
  assert.deepEqual(
    past.tables.logs.list().map(({ id }) => id),
    ["l1"],
  );
  assert.equal(past.tables.quality.list().length, 0);
  assert.equal(past.tables.messages.rows.get("m2"), undefined);
  assert.equal(past.now.value, 100);
  const before = past.tables.messages.version.value;
  moment.value = 200;
  assert.notEqual(past.tables.messages.version.value, before);
  assert.deepEqual(
    past.tables.messages.list().map(({ id }) => id),
    ["m1", "m2"],
  );
});
