// The sums of the usage view and the line under every table: nothing is lost, nothing is counted twice, and what is not
// known is said.
import assert from "node:assert/strict";
import { test } from "node:test";
import { QUARTER } from "../../src/lib/durations.ts";
import { boundsOf, isWithin, nextStart, startOf, stretchText, UNITS, unitFor } from "../../src/lib/stretch.ts";
import { totalsOf } from "../../src/parts/totals.tsx";
import { pythonRows } from "../../src/state/python.ts";
import type { UsageRow } from "../../src/store/tables.ts";
import { barsOf, groupsOf, keyOf, stepOf } from "../../src/views/usage/sums.ts";
import { row } from "../support/rows.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = new Date(2026, 10, 27, 14, 22).getTime();

const used = (ago: number, model: string | null, cost: number | null, more: Partial<UsageRow> = {}): UsageRow =>
  row("usage", `${ago} ${model}`, {
    at: startOf(NOW, "quarter") - ago,
    model,
    cost_usd: cost,
    input_tokens: 100,
    cache_read_tokens: 900,
    requests: 2,
    unpriced_requests: cost === null ? 2 : 0,
    ...more,
  });
const rows = [used(0, "opus", 3), used(HOUR, "opus", 1), used(HOUR, "haiku", 1), used(DAY, null, null)];
const byModel = keyOf("model", new Map());

test("groups add up to the rows, the largest first and what has no name last", () => {
  const groups = groupsOf(rows, byModel, "cost");
  assert.deepEqual(
    groups.map(({ id, cost, tokens, requests, unpriced, part }) => [id, cost, tokens, requests, unpriced, part]),
    [
      ["opus", 4, 2000, 4, 0, 0.8],
      ["haiku", 1, 1000, 2, 0, 0.2],
      ["", null, 1000, 2, 2, 0],
    ],
  );
});

test("by branch goes by the session's", () => {
  const sessions = new Map([["s", row("sessions", "s", { branch: "main" })]]);
  const groups = groupsOf([used(0, "opus", 1, { session_id: "s" }), rows[1]!], keyOf("branch", sessions), "cost");
  assert.deepEqual(
    groups.map(({ id }) => id),
    ["main", ""],
  );
});

test("bars add up to the rows, whatever their unit, and have a place where nothing was used", () => {
  const bounds = { from: NOW - DAY - HOUR, to: NOW };
  for (const unit of UNITS) {
    const bars = barsOf(rows, byModel, ["opus"], "tokens", unit, bounds);
    assert.equal(
      bars.reduce((sum, bar) => sum + bar.sum, 0),
      4000,
      unit,
    );
    assert.ok(bars.every(({ values, sum }) => values.length === 2 && values[0]! + values[1]! === sum));
    assert.ok(
      bars.every(({ to }, i) => i + 1 === bars.length || to === bars[i + 1]!.from),
      "no gaps",
    );
  }
  const hours = barsOf(rows, byModel, ["opus"], "cost", "hour", bounds);
  assert.equal(hours.length, 26);
  assert.deepEqual(hours.at(-2)!.values, [1, 1]);
  assert.equal(hours[1]!.unpriced, 2, "the answers that a bar leaves out");
});

test("parts of time begin where the calendar says, also when the clocks change", () => {
  for (const unit of UNITS) {
    let at = startOf(new Date(2026, 0, 1, 3, 7).getTime(), unit);
    for (let i = 0; i < 400; i++) {
      assert.equal(startOf(at, unit), at, `${unit} ${new Date(at)}`);
      const next = nextStart(at, unit);
      assert.ok(next > at);
      assert.equal(startOf(next - 1, unit), at);
      at = next;
    }
  }
  assert.deepEqual(
    [HOUR, DAY, 7 * DAY, 365 * DAY, 3000 * DAY].map((length) => unitFor({ from: 0, to: length })),
    ["quarter", "hour", "day", "week", "month"],
  );
});

test("the last hours and days are whole ones, the running one among them", () => {
  assert.equal(boundsOf({ last: 6 * HOUR }, NOW).from, new Date(2026, 10, 27, 9).getTime());
  assert.equal(boundsOf({ last: 7 * DAY }, NOW).from, new Date(2026, 10, 21).getTime());
  assert.equal(
    stretchText({ from: new Date(2026, 10, 26).getTime(), to: new Date(2026, 10, 27).getTime() }, NOW),
    "26 Nov",
  );
  assert.equal(stretchText({ from: NOW - HOUR, to: NOW }, NOW), "13:22 – 14:22");
});

test("a row is within a stretch if any of its time is", () => {
  const bounds = { from: NOW - HOUR, to: NOW };
  const session = (began: number, changed: number) =>
    row("sessions", "s", { started_at: NOW + began, updated_at: NOW + changed });
  assert.ok(
    isWithin(session(-DAY, -1), bounds) && isWithin(session(-2, DAY), bounds) && isWithin(session(-DAY, DAY), bounds),
  );
  assert.ok(!isWithin(session(-DAY, -2 * HOUR), bounds) && !isWithin(session(1, DAY), bounds));
  assert.ok(isWithin(row("logs", "l", { at: NOW - HOUR }), bounds) && !isWithin(row("logs", "l", { at: NOW }), bounds));
  assert.ok(!isWithin(row("logs", "l", {}), bounds), "what has no time");
});

test("the Python of a stretch keeps the same rows", () => {
  const bounds = { from: 10, to: 20 };
  assert.equal(pythonRows("usage", {}, bounds), "dash.usage.where(at=lambda at: at and 10 <= at < 20)");
  assert.equal(
    pythonRows("sessions", { model: ["m"] }, bounds),
    'dash.sessions.where(model="m", started_at=lambda at: at and at < 20, updated_at=lambda at: at and at >= 10)',
  );
  assert.equal(pythonRows("logs", {}, { from: 10, to: Infinity }), "dash.logs.where(at=lambda at: at and 10 <= at)");
});

test("the line under a table sums it, and says at least where a price is missing", () => {
  const texts = (...some: UsageRow[]) => totalsOf("usage", some as never).map(([text]) => text);
  assert.deepEqual(texts(rows[0]!, rows[1]!), ["2k tokens", "$4.00", "4 answers"]);
  assert.deepEqual(texts(rows[0]!, rows[3]!), ["2k tokens", "≥ $3.00", "4 answers"]);
  assert.deepEqual(texts(rows[3]!), ["1k tokens", "unpriced", "2 answers"]);
  const calls = [
    row("tool_calls", "a", { status: "ok", duration_ms: 1500 }),
    row("tool_calls", "b", { status: "error" }),
  ];
  assert.deepEqual(
    totalsOf("tool_calls", calls as never).map(([text]) => text),
    ["1 error, 50%", "1.5 s in all"],
  );
  assert.deepEqual(totalsOf("sessions", [row("sessions", "s", {})] as never), [], "nobody counted anything");
});

test("an axis has at most four round steps", () => {
  for (const most of [0.003, 0.7, 1, 7.8, 165, 999, 5_400_000]) {
    const step = stepOf(most);
    assert.ok(most / step <= 4 && most / step > 1, `${most} by ${step}`);
    assert.match(step.toExponential(0), /^[125]e/);
  }
  assert.equal(QUARTER, nextStart(0, "quarter"));
});
