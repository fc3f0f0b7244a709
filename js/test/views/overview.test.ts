// The figures and the strip above the lanes: what they count, and what they refuse to guess.
import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsPath, sparkPath } from "../../src/charts/spark.tsx";
import { isWithin } from "../../src/lib/stretch.ts";
import { needs, whyOf, withNames } from "../../src/state/needs.ts";
import { runQuery } from "../../src/state/query.ts";
import { callsByAgent, messagesInOrder, spansByAgent } from "../../src/store/events.ts";
import type {
  AgentsRow,
  LogsRow,
  MessagesRow,
  QualityRow,
  SpansRow,
  TasksRow,
  ToolCallsRow,
} from "../../src/store/tables.ts";
import {
  agentsFigure,
  errorsFigure,
  histogram,
  liveCourse,
  tasksFigure,
  taskTotals,
} from "../../src/views/overview/figures.ts";
import { paceFigure, worthFigure } from "../../src/views/overview/rates.ts";
import { row } from "../support/rows.ts";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 23, 14, 22);
const STRETCH = { from: NOW - 15 * MINUTE, to: NOW, now: NOW };

const agent = (id: string, more: Partial<AgentsRow> = {}) =>
  ({
    id,
    name: id,
    role: null,
    status: "working",
    status_reason: null,
    status_at: NOW,
    started_at: NOW - 60 * MINUTE,
    input_tokens: null,
    output_tokens: null,
    cache_read_tokens: null,
    cache_write_tokens: null,
    cost_usd: null,
    ...more,
  }) as AgentsRow;
const task = (id: string, status: string, more: Partial<TasksRow> = {}) =>
  ({ id, title: id, status, notes: null, completed_at: null, updated_at: NOW, ...more }) as TasksRow;
const index = (spans: Partial<SpansRow>[] = [], messages: Partial<MessagesRow>[] = []) => ({
  spans: spansByAgent(spans as SpansRow[]),
  calls: callsByAgent([]),
  messages: messagesInOrder(messages as MessagesRow[]),
});

test("people and agents that are gone are not counted as agents", () => {
  const agents = [
    agent("a"),
    agent("b", { status: "waiting" }),
    agent("c", { status: "done" }),
    agent("you", { role: "human", status: "idle" }),
  ];
  const figure = agentsFigure(agents, index(), STRETCH);
  assert.deepEqual([figure.value, figure.unit, figure.note], ["2", "/3", "1 working · 1 waiting"]);
});

test("the course of the agents counts each span where it lasted", () => {
  const course = liveCourse(
    index([
      { agent_id: "a", status: "working", started_at: STRETCH.from - MINUTE, ended_at: null },
      { agent_id: "b", status: "idle", started_at: NOW - 5 * MINUTE, ended_at: null },
      { agent_id: "c", status: "done", started_at: STRETCH.from, ended_at: null },
    ]),
    STRETCH,
  );
  assert.equal(course[0], 1);
  assert.equal(course.at(-1), 2);
});

test("cancelled tasks are no part of the whole", () => {
  assert.deepEqual(taskTotals([task("a", "completed"), task("b", "pending"), task("c", "cancelled")]), {
    done: 1,
    total: 2,
    cancelled: 1,
  });
});

test("what is left of the tasks is told in the fewest words that are true", () => {
  const note = (...tasks: TasksRow[]) => tasksFigure(tasks, STRETCH).note;
  assert.equal(note(), "none known");
  assert.equal(note(task("a", "completed")), "all done");
  assert.equal(note(task("a", "in_progress"), task("b", "completed")), "1 in progress");
  assert.equal(note(task("a", "failed"), task("b", "completed")), "1 failed");
});

test("agents that are long gone are counted as a whole, not as none", () => {
  const gone = agent("a", { status: "offline", last_seen_at: NOW - 3 * 24 * 60 * MINUTE });
  const figure = agentsFigure([gone, { ...gone, id: "b" }], index(), STRETCH);
  assert.deepEqual([figure.value, figure.unit, figure.note], ["2", "", "none live now"]);
});

test("pace is in tokens where they are counted, else in messages", () => {
  const messages = index(
    [],
    Array.from({ length: 30 }, (_, i) => ({ id: `${i}`, at: NOW - i * 1000, kind: "direct" })),
  );
  const figure = paceFigure([agent("a")], [], messages, STRETCH);
  assert.deepEqual([figure.label, figure.value], ["Messages", "2"]);
  const counted = agent("a", { input_tokens: 10, output_tokens: 5, cache_read_tokens: 80, cache_write_tokens: 10 });
  const tokens = paceFigure([counted], [], index(), STRETCH);
  assert.deepEqual([tokens.label, tokens.value, tokens.note], ["Tokens", "105", "80% from cache"]);
  const over = paceFigure([{ ...counted, status: "done" }], [], index(), STRETCH);
  assert.deepEqual([over.label, over.value, over.note], ["Tokens", "105", "80% from cache"]);
});

test("rates and columns of tokens and cost are of the last quarters of an hour, from the first moment on", () => {
  const used = (minutesAgo: number, output_tokens: number, cost_usd: number | null) =>
    row("usage", `${minutesAgo}`, { at: NOW - (NOW % (15 * MINUTE)) - minutesAgo * MINUTE, output_tokens, cost_usd });
  const agents = [agent("a", { output_tokens: 5000, cost_usd: 9 })];
  const usage = [used(0, 440, 0.22), used(15, 220, null), used(30, 9000, 8)]; // 14:22 is 22 minutes after 14:00
  const pace = paceFigure(agents, usage, index(), STRETCH);
  assert.deepEqual([pace.label, pace.value, pace.note], ["Tokens", "5", "30 / min now"]);
  assert.deepEqual(pace.course, [9000, 220, 440]);
  assert.match(pace.about, /The columns: each quarter of an hour, 3 of them\./);
  const cost = worthFigure(agents, usage, [], index(), NOW);
  assert.deepEqual([cost.value, cost.note], ["$9.00", "$0.60 / h now"]);
  assert.deepEqual(cost.course, [8, 0, 0.22]);
});

test("the columns of tokens begin with what was used first: before it nothing is known", () => {
  const used = (quartersAgo: number, output_tokens: number) =>
    row("usage", `${quartersAgo}`, { at: NOW - (NOW % (15 * MINUTE)) - quartersAgo * 15 * MINUTE, output_tokens });
  const course = (...usage: ReturnType<typeof used>[]) =>
    paceFigure([agent("a", { output_tokens: 1 })], usage, index(), STRETCH).course;
  assert.deepEqual(course(), []);
  assert.deepEqual(course(used(1, 5), used(0, 9)), [5, 9]);
  assert.deepEqual(course(used(0, 9), used(3, 5)), [5, 0, 0, 9]);
  assert.deepEqual(course(used(500, 7), used(0, 9)), [...Array(15).fill(0), 9], "a pause of four hours is known");
  assert.deepEqual(course(used(500, 7)), [], "nothing of it lately");
});

test("a sum that leaves out answers without a price is a lower bound", () => {
  const agents = [agent("a", { output_tokens: 1, cost_usd: 8.03, unpriced_requests: 2 })];
  const cost = worthFigure(agents, [], [], index(), NOW);
  assert.equal(cost.value, "≥ $8.03");
  assert.match(cost.about, /leaves out 2 answers/);
});

test("cost leaves unpriced models out and text so; without any cost there is quality", () => {
  const cost = worthFigure([agent("a", { cost_usd: 1.5 }), agent("b", { output_tokens: 5 })], [], [], index(), NOW);
  assert.deepEqual([cost.label, cost.value, cost.note], ["Cost", "≥ $1.50", "1 unpriced"]);
  const scores = [0.5, 1, null].map((score, i) => ({ id: `${i}`, at: NOW, score }) as QualityRow);
  const quality = worthFigure([agent("a")], [], scores, index(), NOW);
  assert.deepEqual([quality.label, quality.value, quality.note], ["Quality", "0.75", "mean of 2"]);
});

test("an hour costs what was spent over the time in which somebody worked", () => {
  const spans = index([
    { agent_id: "a", status: "working", started_at: NOW - 40 * MINUTE, ended_at: NOW - 20 * MINUTE },
    { agent_id: "b", status: "working", started_at: NOW - 30 * MINUTE, ended_at: NOW - 10 * MINUTE },
    { agent_id: "a", status: "idle", started_at: NOW - 20 * MINUTE, ended_at: null },
  ]);
  const agents = [agent("a", { cost_usd: 1, status: "offline" }), agent("b", { cost_usd: 2, status: "offline" })];
  assert.equal(worthFigure(agents, [], [], spans, NOW).note, "$6.00 an hour worked");
});

test("errors are failed calls and error lines of the window", () => {
  const calls = [NOW - 2 * MINUTE, NOW - 60 * MINUTE].map(
    (at) => ({ at, name: "Bash", agent_id: null, status: "error" }) as ToolCallsRow,
  );
  const logs = [
    { at: NOW - 5 * MINUTE, level: "critical", agent_id: "a" } as LogsRow,
    { at: NOW, level: "info" } as LogsRow,
  ];
  const figure = errorsFigure(calls, logs, STRETCH, String);
  assert.deepEqual([figure.value, figure.note, figure.view], ["1", "1 Bash · 2 min ago", "tools"]);
  const lines = errorsFigure([], logs, STRETCH, String);
  assert.deepEqual([lines.value, lines.view], ["1", "logs"]);
});

test("the rows behind the errors are as many as the figure says: it carries the time it is of", () => {
  const call = (minutesAgo: number, status: "error" | "ok") =>
    row("tool_calls", `${minutesAgo} ${status}`, { at: NOW - minutesAgo * MINUTE, name: "Bash", status });
  const calls = [1, 3, 20, 400].map((minutesAgo) => call(minutesAgo, "error")).concat(call(2, "ok"));
  for (const to of [NOW, NOW - 10 * MINUTE]) {
    const figure = errorsFigure(calls, [], { from: to - 15 * MINUTE, to, now: NOW }, String);
    const facet = { key: "status", title: "status", values: (call: ToolCallsRow) => [call.status] };
    const during = calls.filter((call) => isWithin(call, figure.during!));
    const shown = runQuery(during, () => true, [facet], figure.filter!).rows;
    assert.equal(String(shown.length), figure.value);
    assert.ok(shown.length > 0 && shown.length < 4);
  }
});

test("a histogram holds what is in the stretch, ends included", () => {
  const counts = histogram([STRETCH.from, NOW, NOW + 1, STRETCH.from - 1], STRETCH);
  assert.equal(counts[0], 1);
  assert.equal(counts.at(-1), 1);
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    2,
  );
});

test("a course that does not change is drawn on the ground", () => {
  assert.equal(sparkPath([3, 3]), sparkPath([0, 0]));
  assert.notEqual(sparkPath([0, 3]), sparkPath([3, 0]));
  assert.equal(columnsPath([4], 24), columnsPath([9], 24), "the highest has the whole height, at the right edge");
  assert.ok(columnsPath([0, 4], 24).endsWith(columnsPath([4], 24)));
});

test("a task that is stuck because its owner waits is one need, and its note is told without its stamp", () => {
  const agents = [agent("asks", { status: "waiting", status_reason: "permission" })];
  const tasks = [
    { ...task("its task", "blocked"), owner: "asks" },
    { ...task("another", "blocked"), notes: "[2026-01-02T03:04:05.678Z] Waits for a key\nolder" },
  ];
  assert.deepEqual(
    needs(agents, tasks, NOW).map(({ id, text }) => `${id} ${text}`),
    ["asks waits for you: permission", "another is blocked: Waits for a key"],
  );
});

test("who waits comes first, longest first; then fresh failures, then tasks", () => {
  const agents = [
    agent("failed-old", { status: "failed", status_at: NOW - 120 * MINUTE }),
    agent("failed", { status: "failed", status_at: NOW - MINUTE, status_reason: "rate limit" }),
    agent("late", { status: "waiting", status_at: NOW - MINUTE }),
    agent("early", { status: "waiting", status_at: NOW - 5 * MINUTE, status_reason: "permission to run x" }),
    agent("you", { role: "human", status: "waiting" }),
  ];
  const list = needs(agents, [task("stuck", "blocked"), task("fine", "pending")], NOW);
  assert.deepEqual(
    list.map(({ id }) => id),
    ["early", "late", "failed", "stuck"],
  );
  assert.deepEqual(
    list.map(({ text }) => text),
    ["waits for you: permission to run x", "waits for you", "failed: rate limit", "is blocked"],
  );
});

test("a need is the same one until its agent waits again", () => {
  const key = (known: Parameters<typeof agent>[1]) => needs([agent("a", known)], [], NOW)[0]!.key;
  const waits = { status: "waiting", status_at: NOW - MINUTE } as const;
  assert.equal(key(waits), key({ ...waits, status_reason: "said in other words" }));
  assert.notEqual(key(waits), key({ ...waits, status_at: NOW }));
  assert.notEqual(key(waits), key({ ...waits, status: "failed" }));
});

test("of an agent that asks, the question itself is said", () => {
  const asks = (activity: string | null, status_reason: string | null = "a question to you") =>
    whyOf(agent("asks", { status: "waiting", status_reason, activity }));
  assert.equal(asks("I moved the store. Should I delete the old one? It is not used."), "Should I delete the old one?");
  assert.equal(asks("Let me know whether to go on."), "Let me know whether to go on.");
  assert.equal(asks("Shall I?", "permission to run x"), "permission to run x");
  assert.equal(asks(null), "a question to you");
});

test("the strip calls agents by their names where a note has their ids", () => {
  const names = new Map([
    ["agent-docs-writer-1", "docs-writer-1"],
    ["user", "you"],
  ]);
  const nameOf = (id: string) => names.get(id) ?? null;
  assert.equal(
    withNames("failed: agent-docs-writer-1 stopped, agent-2 and the user did not", nameOf),
    "failed: docs-writer-1 stopped, agent-2 and the user did not",
  );
  assert.equal(withNames("(agent-docs-writer-1)", nameOf), "(docs-writer-1)");
  assert.equal(withNames("agent-docs-writer-12", nameOf), "agent-docs-writer-12");
});
