// What stands above and between the lanes: the pulse, how many worked at once, who worked for whom, what is folded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { atOnce, eventsInMinute, pulseOf, workedFor } from "../../src/lanes/bins.ts";
import { indexOf, span } from "../support/events.ts";
import { row } from "../support/rows.ts";

test("the pulse counts calls and messages, and which of them failed, in bins that stand still", () => {
  const call = (at: number, status = "ok") => row("tool_calls", `${at}`, { agent_id: "a", at, status });
  const index = indexOf([], [call(1_000), call(61_500, "error"), call(62_000)], [row("messages", "m", { at: 62_500 })]);
  const pulse = pulseOf(index, { from: 0, to: 100_000, width: 250, cuts: [] });
  assert.deepEqual([pulse.x, pulse.step], [0, 5]);
  assert.deepEqual([pulse.events[0], pulse.events[30], pulse.events[31], pulse.errors[30]], [1, 1, 2, 1]);
  const later = pulseOf(index, { from: 700, to: 100_700, width: 250, cuts: [] });
  assert.deepEqual([later.x, later.step], [-1.75, 5]);
  assert.equal(eventsInMinute(index, 100_000), 3);
});

test("how many worked at once is the most in each pixel, and nothing after now", () => {
  const index = indexOf([
    span("a", "working", 1, 50),
    span("b", "working", 40, null),
    span("c", "working", 10, 20),
    span("d", "waiting", 1, 100),
    span("e", "working", 20, 30),
  ]);
  const { working, waiting, most } = atOnce(index, { from: 0, to: 100, width: 10, cuts: [] }, 80);
  assert.deepEqual(working, [1, 2, 2, 1, 2, 1, 1, 1, 0, 0]);
  assert.equal(most, 2);
  assert.equal(waiting[5], 1);
});

test("two that work at once work for one stretch of time", () => {
  const index = indexOf([span("a", "working", 1, 50), span("b", "working", 40, 61), span("c", "working", 1, 500)]);
  assert.equal(workedFor(index, ["a", "b", "unknown"], 1_000), 60);
});
