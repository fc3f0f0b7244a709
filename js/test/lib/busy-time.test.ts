// The axis of the time travel: everything that happened, without the silences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BusyTime } from "../../src/lib/busy-time.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = 1_767_225_600_000;

const busy = (from: number, minutes: number) => Array.from({ length: minutes * 6 }, (_, i) => from + i * 10_000);

test("without any event the history is the last minutes", () => {
  const history = new BusyTime([], START);
  assert.equal(history.to, START);
  assert.ok(history.from < START);
  assert.deepEqual(history.counts(4), [0, 0, 0, 0]);
});

test("a long silence is cut: two busy hours in a month are most of the axis", () => {
  const history = new BusyTime([...busy(START, 60), ...busy(START + 700 * HOUR, 60)], START + 701 * HOUR);
  assert.equal(history.pieces.length, 2);
  const [first, second] = history.pieces;
  assert.ok(first!.right > 0.4 && second!.left < 0.6 && second!.left > first!.right);
  const inside = START + 300 * HOUR;
  assert.ok(history.place(inside) > first!.right && history.place(inside) < second!.left);
});

test("what counts as long follows the time in which something happened, not the whole", () => {
  const days = [0, 1, 3, 90].map((day) => START + day * 24 * HOUR);
  const history = new BusyTime(
    days.flatMap((day) => busy(day, 60)),
    days.at(-1)! + HOUR,
  );
  assert.equal(history.pieces.length, 4);
});

test("a place leads back to its instant", () => {
  const history = new BusyTime([...busy(START, 30), ...busy(START + 50 * HOUR, 90)], START + 52 * HOUR);
  for (const at of [START, START + 5 * MINUTE, START + 50 * HOUR, START + 51 * HOUR, START + 52 * HOUR]) {
    assert.ok(Math.abs(history.at(history.place(at)) - at) < 2, String(at - START));
  }
});

test("playing jumps over silences and stops at the present", () => {
  const history = new BusyTime([...busy(START, 10), ...busy(START + 50 * HOUR, 10)], START + 50 * HOUR + 10 * MINUTE);
  const end = history.pieces[0]!.to;
  assert.equal(history.after(START, 1_000), START + 1_000);
  assert.equal(history.after(end, 1_000), history.pieces[1]!.from);
  assert.equal(history.after(history.to, 1_000), history.to);
});

test("it steps from event to event", () => {
  const history = new BusyTime([START, START + 5_000, START + 9_000], START + 20_000);
  assert.equal(history.step(START, true), START + 5_000);
  assert.equal(history.step(START + 9_000, false), START + 5_000);
  assert.equal(history.step(START + 9_000, true), history.to);
});

test("what is dated in the future, or not at all, is left out", () => {
  const history = new BusyTime([0, START, START + HOUR], START + MINUTE);
  assert.equal(history.to, START + MINUTE);
  assert.equal(
    history.counts(10).reduce((sum, count) => sum + count),
    1,
  );
});
