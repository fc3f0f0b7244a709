// How fast limits are used up; the cases are those of tests/client/test_pace.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { QUARTER } from "../../src/lib/durations.ts";
import { type Pace, paces, urgency } from "../../src/lib/limits.ts";
import { perMinute, perQuarter } from "../../src/lib/usage.ts";
import type { LimitsRow, UsageRow } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";

const HOUR = 3_600_000;
const NOON = 1_767_268_800_000;
const NOW = NOON + 2 * HOUR + 5 * 60_000;

const used = (ago: number, session: string, cost: number | null, more: Partial<UsageRow> = {}): UsageRow =>
  row("usage", `${ago} ${session}`, {
    at: NOW - (NOW % QUARTER) - ago * QUARTER,
    session_id: session,
    cost_usd: cost,
    input_tokens: (cost ?? 1) * 1e6,
    unpriced_requests: cost === null ? 1 : 0,
    source: "claude",
    host: "here",
    model: "claude-opus-4-8",
    ...more,
  });
const limit = (part: number | null, more: Partial<LimitsRow> = {}): LimitsRow =>
  row("limits", "l", {
    name: "5 h",
    window_ms: 5 * HOUR,
    resets_at: NOON + 5 * HOUR,
    used: part,
    at: NOW,
    source: "claude",
    host: "here",
    ...more,
  });
const sessions = new Map(["old", "busy"].map((id) => [id, row("sessions", id, {})]));
const only = (part: LimitsRow, ...usage: UsageRow[]): Pace => paces([part], usage, sessions, NOW)[0]!;
const near = (a: number | null, b: number): void => assert.ok(a !== null && Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

test("who uses how much an hour, and when it is used up", () => {
  const found = only(limit(0.6), used(6, "old", 3), used(2, "busy", 2), used(0, "busy", 1));
  near(found.used, 0.6);
  near(found.perHour, 0.36);
  near(found.runsOutAt! / HOUR, (NOW + (0.4 / 0.36) * HOUR) / HOUR);
  assert.deepEqual(
    found.shares.map(({ session, part }) => [session, part]),
    [
      ["busy", 0.5],
      ["old", 0.5],
    ],
  );
  assert.deepEqual([found.amount.cost, found.amount.tokens], [6, 6e6]);
});

test("of one that is used up it is not said when it will be, and it comes first", () => {
  const spent = limit(1, { resets_at: NOON + 9 * HOUR });
  const found = paces([limit(0.2), spent], [used(0, "busy", 1)], sessions, NOW);
  assert.deepEqual(
    found.map((pace) => [pace.used, pace.runsOutAt]),
    [
      [1, null],
      [0.2, null],
    ],
  );
  assert.equal(urgency(found[0]!, NOW), "urgent");
});

test("of one whose length is not known what was heard is said", () => {
  const found = only(limit(0.95, { window_ms: null }), used(0, "busy", 1));
  assert.deepEqual([found.used, found.perHour, found.shares.length], [0.95, null, 0]);
  assert.deepEqual(paces([limit(null, { window_ms: null })], [], sessions, NOW), []);
});

test("what was used since it was heard counts at the same rate, and a slow pace lasts", () => {
  near(only(limit(0.4, { at: NOW - HOUR }), used(6, "old", 2), used(0, "busy", 1)).used, 0.6);
  assert.equal(only(limit(0.5), used(7, "old", 9), used(0, "busy", 0.1)).runsOutAt, null);
  assert.equal(only(limit(0.05), used(0, "busy", 1)).runsOutAt, null);
});

test("a window that is computed has amounts and no share; one that has begun anew is not known", () => {
  const computed = only(limit(null), used(0, "busy", 1.5));
  assert.deepEqual([computed.used, computed.perHour, computed.amount.cost], [null, null, 1.5]);
  assert.deepEqual(paces([limit(0.9, { resets_at: NOW })], [], sessions, NOW), []);
});

test("only what counts for a limit counts: its source, its host, its model", () => {
  const others = [
    used(1, "old", 9, { source: "codex" }),
    used(2, "old", 9, { host: "there" }),
    used(3, "old", 9, { model: "claude-sonnet-5" }),
  ];
  const found = only(limit(0.4, { name: "weekly Opus" }), ...others, used(0, "busy", 1));
  assert.deepEqual(
    found.shares.map(({ session }) => session),
    ["busy"],
  );
});

test("a gauge is quiet until it matters, and red near the end", () => {
  const shown = (part: number, usage: UsageRow[] = []) => urgency(only(limit(part), ...usage), NOW);
  assert.deepEqual(
    [0.2, 0.69, 0.7, 0.89, 0.9, 1].map((part) => shown(part)),
    [null, null, "near", "near", "urgent", "urgent"],
  );
  assert.equal(shown(0.5, [used(0, "busy", 1)]), "near", "it runs out before it begins anew");
  assert.equal(shown(0.85, [used(0, "busy", 1)]), "urgent", "in ten minutes");
});

test("what was used in each quarter of an hour, and a minute", () => {
  const rows = [used(0, "a", 1), used(1, "a", null), used(3, "a", 2), used(90, "a", 5)];
  assert.deepEqual(
    perQuarter(rows, NOW, 4).map(({ cost, unpriced }) => [cost, unpriced]),
    [
      [2, 0],
      [null, 0],
      [null, 1],
      [1, 0],
    ],
  );
  assert.equal(perMinute(rows, NOW)?.cost, 1 / 20);
  assert.equal(perMinute([], NOW), null);
});
