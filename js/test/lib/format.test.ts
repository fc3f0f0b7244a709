// How figures and times are written.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../src/lib/format.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test("durations", () => {
  const cases: [number | null, string][] = [
    [null, "–"],
    [0, "0 ms"],
    [85.4, "85 ms"],
    [4_250, "4.2 s"],
    [59_999, "59 s"],
    [72_000, "1 min 12 s"],
    [3 * MINUTE, "3 min"],
    [3 * HOUR + 4 * MINUTE, "3 h 4 min"],
    [51 * HOUR, "2 d 3 h"],
  ];
  for (const [ms, text] of cases) assert.equal(format.duration(ms), text);
});

test("figures", () => {
  assert.deepEqual([950, 1_000, 84_200, 999_960, 1_234_567, 0.25].map(format.short), [
    "950",
    "1k",
    "84.2k",
    "1M",
    "1.2M",
    "0.3",
  ]);
  assert.deepEqual([0, 999, 14_165, 1_234_567].map(format.integer), ["0", "999", "14,165", "1,234,567"]);
  assert.deepEqual(
    [null, 0, 0.004, 7.654, 1_204].map((usd) => format.money(usd)),
    ["unpriced", "$0.00", "<$0.01", "$7.65", "$1,204"],
  );
  assert.equal(format.money(8.03, 2), "≥ $8.03");
  assert.deepEqual([0, 820, 1_400, 14_300, 2_100_000].map(format.bytes), ["0 B", "820 B", "1.4 kB", "14 kB", "2.1 MB"]);
  assert.deepEqual([format.percent(0.456), format.score(0.8)], ["46%", "0.80"]);
});

test("times, local", () => {
  const now = new Date(2026, 10, 23, 14, 22, 7).getTime();
  assert.equal(format.when(now, now), "14:22:07");
  assert.equal(format.when(new Date(2026, 0, 4, 9, 5).getTime(), now), "4 Jan 09:05");
  assert.equal(format.when(new Date(2025, 11, 31).getTime(), now), "31 Dec 2025");
  assert.equal(format.stamp(new Date(2026, 0, 4, 9, 5, 3).getTime(), now), "4 Jan 09:05:03");
  assert.equal(format.exactTime(now + 120), "2026-11-23 14:22:07.120");
});

test("ages", () => {
  assert.equal(format.age(340), "0.3 s old");
  assert.equal(format.age(12_400), "12 s old");
  assert.equal(format.age(-50), "0.0 s old");
  assert.deepEqual(
    [500, 12_000, 3 * MINUTE, 50 * HOUR].map((ms) => format.ago(0, ms)),
    ["now", "12 s ago", "3 min ago", "2 d ago"],
  );
});

test("a moment that is known to a quarter of an hour", () => {
  const now = new Date(2026, 10, 23, 14, 22, 7).getTime();
  const quarter = new Date(2026, 10, 23, 14, 15).getTime();
  assert.equal(format.whenWithin(quarter, 15 * MINUTE, now), "14:15–14:30");
  assert.equal(format.whenWithin(quarter - 24 * HOUR, 15 * MINUTE, now), "22 Nov 14:15");
  assert.deepEqual(
    [1_000, 7.9 * MINUTE].map((ms) => format.agoAtMost(0, ms)),
    ["now", "≤ 7 min ago"],
  );
});

test("names", () => {
  assert.equal(format.shortId("agent-1767548076931-mwy2ua"), "agent-…931-mwy2ua");
  assert.equal(format.shortId("reviewer"), "reviewer");
  assert.equal(format.shortId("ses_475ecf8b4ffelCjCsPhdEq9").length, 20);
  assert.equal(format.words("in_progress"), "in progress");
  assert.equal(format.plural(1, "entry", "entries"), "1 entry");
});
