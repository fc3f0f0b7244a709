// Moments as people type them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { momentOf } from "../../src/lib/moments.ts";

const NOW = new Date(2026, 10, 23, 14, 22, 7).getTime();
const local = (...parts: [number, number, number, number?, number?, number?]) => new Date(...parts).getTime();

for (const [text, at] of [
  ["14:05", local(2026, 10, 23, 14, 5)],
  ["14:05:30", local(2026, 10, 23, 14, 5, 30)],
  ["15:00", local(2026, 10, 22, 15)],
  ["today 9:00", local(2026, 10, 23, 9)],
  ["Yesterday 14:05", local(2026, 10, 22, 14, 5)],
  ["yesterday", local(2026, 10, 22)],
  ["-2h", NOW - 2 * 3_600_000],
  ["-1d12h", NOW - 36 * 3_600_000],
  ["- 90 m", NOW - 90 * 60_000],
  ["2026-11-20", local(2026, 10, 20)],
  ["2026-11-20 08:30", local(2026, 10, 20, 8, 30)],
  ["2026-11-20T08:30:00Z", Date.UTC(2026, 10, 20, 8, 30)],
  ["25:00", null],
  ["12:60", null],
  ["2h", null],
  ["soon", null],
  ["", null],
] as const)
  test(`a moment is typed as it is said: ${text || "nothing"}`, () => assert.equal(momentOf(text, NOW), at));
