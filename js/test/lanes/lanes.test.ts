// The geometry of the lanes: rows, time scale, what is in sight, what is under the pointer.
import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import { axisLabels, roundInstants } from "../../src/lanes/axis.ts";
import { activeBetween, extent, lastStretch } from "../../src/lanes/extent.ts";
import { hitTest } from "../../src/lanes/hit.ts";
import { BAR, broadcastTop, layoutScene, ROW, rowMiddle, timeOf, xOf } from "../../src/lanes/layout.ts";
import { keepOrder, laneRows } from "../../src/lanes/tree.ts";
import { TimeWindow, USUAL_LENGTH } from "../../src/lanes/window.ts";
import { DAY, HOUR, MINUTE } from "../../src/lib/durations.ts";
import { lowerBound } from "../../src/lib/ordered.ts";
import type { Agent, Call, Events, Message, Span } from "../../src/store/events.ts";
import { indexOf } from "../support/events.ts";

const NOW = Date.UTC(2026, 10, 23, 14, 22);

const agent = (id: string, more: Partial<Agent> = {}) =>
  ({ id, name: null, parent_id: null, role: null, status: "working", started_at: 0, ...more }) as Agent;
const span = (agent_id: string, status: string, from: number, to: number | null) =>
  ({ id: `${agent_id} ${from}`, agent_id, status, started_at: from, ended_at: to }) as Span;
const call = (agent_id: string, at: number, status = "ok") =>
  ({ id: `${agent_id} ${at}`, agent_id, at, status }) as Call;
const message = (sender: string, recipient: string, at: number, kind = "direct") =>
  ({ id: `m${at}`, sender, recipient, at, kind }) as Message;

const ids = (rows: readonly { agent: Agent }[]) => rows.map((row) => row.agent.id);

test("the index is in order of time, without heartbeats and without rows that have no time", () => {
  const index = indexOf(
    [span("a", "idle", 20, 30), span("a", "working", 10, 20)],
    [call("a", 7), call("a", 5), { ...call("a", 6), at: null }],
    [message("a", "b", 9), message("a", "b", 8), message("a", "*", 7, "heartbeat")],
  );
  assert.deepEqual(
    index.spans.get("a")!.map((one) => one.started_at),
    [10, 20],
  );
  assert.deepEqual(
    index.calls.get("a")!.map((one) => one.at),
    [5, 7],
  );
  assert.deepEqual(
    index.messages.map((one) => one.at),
    [8, 9],
  );
});

test("lowerBound finds the first at or after a time", () => {
  const times = [1, 3, 3, 5];
  const find = (time: number) => lowerBound(times, time, (at) => at);
  assert.deepEqual([0, 1, 3, 4, 5, 6].map(find), [0, 0, 1, 3, 3, 4]);
});

test("an agent is active while it lives, at its end, when it calls or writes; not for having ended long ago", () => {
  const index = indexOf(
    [
      span("lives", "idle", 1, null),
      span("ended", "working", 1, 50),
      span("ended", "done", 50, null),
      span("ends", "working", 1, 150),
      span("ends", "failed", 150, null),
      span("gone", "offline", 120, null),
    ],
    [call("calls", 110), call("called", 90)],
    [message("writes", "gone", 130)],
  );
  assert.deepEqual([...activeBetween(index, 100, 200)].sort(), ["calls", "ends", "lives", "writes"]);
});

test("children stand under their parent, the living first, people nowhere", () => {
  const agents = [
    agent("old", { status: "offline", last_seen_at: 5 }),
    agent("child-done", { status: "done", parent_id: "boss", last_seen_at: 9 }),
    agent("child", { parent_id: "boss", started_at: 3 }),
    agent("boss", { started_at: 2, status: "idle" }),
    agent("first", { started_at: 1 }),
    agent("orphan", { parent_id: "not shown", started_at: 4 }),
    agent("me", { role: "human" }),
  ];
  const rows = laneRows(agents, new Set(agents.map(({ id }) => id)));
  assert.deepEqual(ids(rows), ["first", "boss", "child", "child-done", "orphan", "old"]);
  assert.deepEqual(
    rows.map(({ depth }) => depth),
    [0, 0, 1, 1, 0, 0],
  );
});

test("parents that name each other are shown all the same", () => {
  const agents = [agent("a", { parent_id: "b" }), agent("b", { parent_id: "a" }), agent("self", { parent_id: "self" })];
  assert.deepEqual(ids(laneRows(agents, new Set(["a", "b", "self"]))).sort(), ["a", "b", "self"]);
});

test("an agent may be asked for by its name", () => {
  assert.deepEqual(ids(laneRows([agent("id-1", { name: "reviewer" })], new Set(["reviewer"]))), ["id-1"]);
});

test("the order is kept while the same agents are shown, with their new values", () => {
  const rows = (...agents: Agent[]) => agents.map((one) => ({ agent: one, depth: 0 }));
  const before = rows(agent("a"), agent("b"));
  const after = rows(agent("b"), agent("a", { status: "done" }));
  const kept = keepOrder(before, after);
  assert.deepEqual(ids(kept), ["a", "b"]);
  assert.equal(kept[0]!.agent.status, "done");
  const other = rows(agent("c"), agent("a"));
  assert.equal(keepOrder(before, other), other);
});

test("the scale goes both ways", () => {
  const scale = { from: 1000, to: 2000, width: 500, cuts: [] };
  assert.equal(xOf(scale, 1500), 250);
  assert.equal(timeOf(scale, 250), 1500);
});

const rowsOf = (...names: string[]) => names.map((name) => ({ agent: agent(name), depth: 0 }));
const scene = (index: Events, names: string[], first = 0, last = names.length) =>
  layoutScene({
    index,
    rows: rowsOf(...names),
    first,
    last,
    scale: { from: 1000, to: 2000, width: 1000, cuts: [] },
    now: 2000,
  });

test("bars are cut to the window, an open span ends now, and what is out of sight is left out", () => {
  const index = indexOf([
    span("a", "working", 10, 500),
    span("a", "idle", 500, 1200),
    span("a", "waiting", 1200, null),
    span("b", "idle", 1100, 1300),
  ]);
  const { bars } = scene(index, ["a", "b"], 0, 1);
  assert.deepEqual(
    bars.map(({ row, x, width, status }) => [row, x, width, status]),
    [
      [0, 0, 200, "idle"],
      [0, 200, 800, "waiting"],
    ],
  );
});

test("thousands of spans in a pixel are one bar, but waiting and failure are never lost", () => {
  const spans = Array.from({ length: 5000 }, (_, i) =>
    span("a", i % 2 ? "working" : "idle", 1000 + i * 0.1, 1000.1 + i * 0.1),
  );
  spans.push(span("a", "failed", 1500.01, 1500.02));
  const { bars } = scene(indexOf(spans), ["a"]);
  assert.ok(bars.length < 600, `${bars.length} bars`);
  assert.ok(bars.some((bar) => bar.status === "failed"));
});

test("ticks keep a distance, errors come through, and a tick knows whether it is on a bar", () => {
  const calls = Array.from({ length: 10_000 }, (_, i) => call("a", 1000 + i * 0.1));
  calls.push(call("a", 1700.05, "error"));
  const { ticks } = scene(indexOf([span("a", "working", 1000, 1500)], calls), ["a"]);
  assert.ok(ticks.length < 350, `${ticks.length} ticks`);
  assert.equal(ticks.filter((tick) => tick.failed).length, 1);
  assert.ok(ticks.every((tick) => tick.onBar === tick.x <= 500));
});

test("a message is a curve between shown agents, a mark when it is to everyone, else nothing", () => {
  const index = indexOf(
    [],
    [],
    [
      message("a", "b", 1100),
      message("a", "*", 1300),
      message("a", "elsewhere", 1400),
      message("a", "a", 1500),
      message("b", "a", 900),
    ],
  );
  const { curves } = scene(index, ["a", "b"]);
  assert.deepEqual(
    curves.map(({ from, to, x }) => [from, to, x]),
    [
      [0, null, 300],
      [0, 1, 100],
    ],
  );
});

test("the pointer finds the tool call before the span under it, the curve between bars, and else the agent", () => {
  const index = indexOf(
    [span("a", "working", 1000, 1500)],
    [call("a", 1100)],
    [message("a", "b", 1700), message("a", "*", 1800)],
  );
  const made = scene(index, ["a", "b"]);
  const kind = (x: number, y: number) => hitTest(made, 2, x, y)?.kind ?? null;
  assert.equal(kind(102, rowMiddle(0)), "call");
  assert.equal(kind(150, rowMiddle(0)), "span");
  assert.equal(kind(150, 1), "agent");
  assert.equal(kind(600, rowMiddle(0)), "agent");
  assert.equal(kind(701, rowMiddle(0) + BAR / 2 + 1), "message");
  assert.equal(kind(800, broadcastTop(0)), "message");
  assert.equal(kind(150, 2 * ROW + 1), null);
});

test("the last stretch goes back to the last long pause and leaves the silence after it out", () => {
  const t = NOW - 100 * DAY;
  const index = indexOf(
    [span("a", "working", t - 5 * HOUR, t - 4 * HOUR), span("a", "idle", t - HOUR, t), span("a", "offline", t, null)],
    [call("a", t - 10 * MINUTE)],
  );
  const [from, to] = lastStretch(index, NOW)!;
  assert.deepEqual([from, to], [t - HOUR, t - 10 * MINUTE]);
  const worked = indexOf([span("a", "working", t - HOUR, t), span("a", "offline", t, null)]);
  assert.deepEqual(lastStretch(worked, NOW), [t - HOUR, t]);
  assert.equal(lastStretch(indexOf(), NOW), null);
});

test("the last stretch of a busy day is found in a few steps, pause by pause", () => {
  let looked = 0;
  const seen = (at: number) => ({
    agent_id: "a",
    get at() {
      looked++;
      return at;
    },
  });
  const minutes = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => NOW - (to - i) * MINUTE);
  const times = [...minutes(21 * 60, 23 * 60), ...minutes(0, 19 * 60 - 1)]; // a pause of two hours and a minute
  const calls = new Map([["a", times.map((at) => seen(at) as unknown as Call)]]);
  assert.deepEqual(lastStretch({ spans: new Map(), calls, messages: [] }, NOW), [
    NOW - (19 * 60 - 1) * MINUTE,
    NOW - MINUTE,
  ]);
  assert.ok(looked < times.length / 2, `${looked} of ${times.length} calls were looked at`);
  const longer = minutes(0, 30 * 60).map((at) => call("a", at));
  assert.deepEqual(lastStretch(indexOf([], longer), NOW), [NOW - MINUTE - DAY, NOW - MINUTE], "a day at most");
});

test("everything known reaches to now while an agent lives", () => {
  assert.deepEqual(extent(indexOf([span("a", "working", 10, null)]), NOW), [10, NOW]);
  assert.equal(extent(indexOf(), NOW), null);
});

test("the window follows the clock until it is moved, and catches now again", () => {
  const now = signal(NOW);
  const window = new TimeWindow(now);
  now.value += MINUTE;
  assert.deepEqual([window.from.value, window.to.value], [NOW + MINUTE - USUAL_LENGTH, NOW + MINUTE]);
  window.pan(-HOUR);
  now.value += MINUTE;
  assert.equal(window.to.value, NOW + MINUTE - HOUR);
  assert.equal(window.follows.value, false);
  window.pan(3 * HOUR);
  assert.equal(window.follows.value, true);
});

test("zooming keeps the instant under the pointer, or now while the window follows", () => {
  const window = new TimeWindow(signal(NOW));
  window.zoom(2, NOW - MINUTE);
  assert.deepEqual([window.length.value, window.follows.value], [2 * USUAL_LENGTH, true]);
  window.show(NOW - 10 * HOUR, NOW - 8 * HOUR);
  window.zoom(0.5, NOW - 9.5 * HOUR);
  assert.deepEqual([window.from.value, window.to.value], [NOW - 9.75 * HOUR, NOW - 8.75 * HOUR]);
});

test("a suggestion holds until a person has chosen", () => {
  const window = new TimeWindow(signal(NOW));
  window.suggest([NOW - DAY, NOW - HOUR]);
  assert.equal(window.to.value, NOW - HOUR);
  window.suggest(null);
  assert.equal(window.follows.value, true);
  window.follow(HOUR);
  window.suggest([NOW - DAY, NOW - HOUR]);
  assert.equal(window.follows.value, true);
});

test("the axis has round instants, as many as fit, none at the edges", () => {
  const instants = roundInstants(NOW - 15 * MINUTE, NOW, 7);
  assert.deepEqual(
    instants.map(({ at }) => (NOW - at) / MINUTE),
    [12, 7, 2],
  );
  const labels = axisLabels({ from: NOW - 15 * MINUTE, to: NOW, width: 600, cuts: [] }, true);
  assert.ok(labels.every(({ x, text }) => x > 0 && x < 560 && /^\d\d:\d\d$/.test(text)));
  for (const length of [10_000, HOUR, DAY, 40 * DAY, 3000 * DAY]) {
    const count = axisLabels({ from: NOW - length, to: NOW, width: 600, cuts: [] }, false).length;
    assert.ok(count >= 1 && count <= 7, `${count} labels for ${length} ms`);
  }
});
