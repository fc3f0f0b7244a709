// Long silences are cut out of a long axis: which, and what lies where then.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axisLabels } from "../../src/lanes/axis.ts";
import { CUT, timeOf, xOf } from "../../src/lanes/layout.ts";
import { silences } from "../../src/lanes/silence.ts";
import { DAY, HOUR, MINUTE } from "../../src/lib/durations.ts";
import type { Events } from "../../src/store/events.ts";
import type { MessagesRow, SpansRow } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";

const NOON = new Date(2026, 0, 5, 12).getTime();
const span = (status: string, from: number, to: number | null) =>
  row("spans", `${status} ${from}`, { agent_id: "a", status, started_at: from, ended_at: to });
const indexOf = (spans: SpansRow[], messages: MessagesRow[] = []): Events => ({
  spans: new Map([["a", spans]]),
  calls: new Map(),
  messages,
});

/** Two busy hours, eight days of idleness, two busy hours. */
const TO = NOON + 8 * DAY + 4 * HOUR;
const QUIET = indexOf([
  span("working", NOON, NOON + 2 * HOUR),
  span("idle", NOON + 2 * HOUR, NOON + 8 * DAY),
  span("working", TO - 2 * HOUR, TO),
]);

test("a long time in which nobody worked is a silence, also when somebody was idle in it", () => {
  const found = silences(QUIET, NOON, TO, TO);
  assert.equal(found.length, 1);
  const [{ from, to }] = found as [{ from: number; to: number }];
  assert.ok(from > NOON + 2 * HOUR && from < NOON + 2.1 * HOUR, "something is left behind what was last");
  assert.ok(to < TO - 2 * HOUR && to > TO - 2.1 * HOUR, "and before what comes next");
});

test("an answer that is waited for over days is silent too, but for its beginning and its end", () => {
  const index = indexOf([span("working", NOON, NOON + HOUR), span("waiting", NOON + HOUR, TO)]);
  assert.equal(silences(index, NOON, TO, TO).length, 1);
});

test("when weeks are cut out, the nights between are long enough to be cut as well", () => {
  const days = [0, 1, 60, 61].map((day) => span("working", NOON + day * DAY, NOON + day * DAY + 2 * HOUR));
  assert.equal(silences(indexOf(days), NOON, NOON + 61 * DAY + 2 * HOUR, TO).length, 3);
  const many = Array.from({ length: 60 }, (_, i) => span("working", NOON + i * i * HOUR, NOON + i * i * HOUR + MINUTE));
  assert.ok(silences(indexOf(many), NOON, NOON + 60 * 60 * HOUR, TO).length <= 12, "cuts take room too");
});

test("a message ends a silence, short stretches and short silences are left as they are", () => {
  const message = row("messages", "m", { at: NOON + 4 * DAY });
  assert.equal(silences({ ...QUIET, messages: [message] }, NOON, TO, TO).length, 2);
  const day = indexOf([span("working", NOON, NOON + HOUR), span("working", NOON + 6 * HOUR, NOON + 7 * HOUR)]);
  assert.deepEqual(silences(day, NOON, NOON + 7 * HOUR, TO), [], "seven hours are compared");
  const often = Array.from({ length: 48 }, (_, i) => span("working", NOON + i * HOUR, NOON + i * HOUR + MINUTE));
  assert.deepEqual(silences(indexOf(often), NOON, NOON + 2 * DAY, TO), []);
});

test("of a silence little is left on the axis, and every instant has its place on it", () => {
  const scale = { from: NOON, to: TO, width: 1000, cuts: silences(QUIET, NOON, TO, TO) };
  const [{ from, to }] = scale.cuts as [{ from: number; to: number }];
  assert.ok(Math.abs(xOf(scale, to) - xOf(scale, from) - CUT) < 1e-6);
  assert.deepEqual([xOf(scale, NOON), Math.round(xOf(scale, TO))], [0, 1000]);
  assert.ok(xOf(scale, NOON + 2 * HOUR) > 300, "what happened has the room");
  for (let x = 0; x <= 1000; x += 7) assert.ok(Math.abs(xOf(scale, timeOf(scale, x)) - x) < 1e-6);
});

test("behind a cut the axis says the day, and no label stands on another", () => {
  const scale = { from: NOON, to: TO, width: 600, cuts: silences(QUIET, NOON, TO, TO) };
  const labels = axisLabels(scale, false);
  assert.deepEqual(
    labels.map(({ text }) => text).filter((text) => /Jan/.test(text)),
    ["5 Jan", "13 Jan"],
  );
  for (const [i, { x }] of labels.slice(1).entries()) assert.ok(x - labels[i]!.x > 40);
});
