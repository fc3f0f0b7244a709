// What tool calls add up to, and what a call was about.
import assert from "node:assert/strict";
import { test } from "node:test";
import { agentUses, DURATIONS, quantile, toolUses } from "../../src/lib/tool-use.ts";
import { row } from "../support/rows.ts";

const call = (id: string, ms: number | null, status: string, agent: string | null = null) =>
  row("tool_calls", id, { name: "Bash", status, duration_ms: ms, at: Number(id), agent_id: agent });

test("what the calls of a tool add up to", () => {
  const calls = [
    call("1", 10, "ok"),
    call("2", 30, "error"),
    call("3", 20, "ok"),
    call("4", null, "running"),
    call("5", 5, "denied"),
  ];
  const [use] = toolUses(calls);
  const { durations, ...sums } = use!;
  assert.deepEqual(sums, { id: "Bash", calls: 5, running: 1, errors: 1, denied: 1, median: 10, p95: 30, lastAt: 5 });
  assert.deepEqual(
    durations.flatMap((count, i) => (count > 0 ? [[DURATIONS[i], count]] : [])),
    [
      [10, 1],
      [30, 2],
      [100, 1],
    ],
  );
  assert.equal(quantile([], 0.5), null);
});

test("the same by agent; calls without one belong to nobody", () => {
  const uses = agentUses([
    call("1", 1, "ok", "a"),
    call("2", 2, "error", "b"),
    call("3", 3, "ok", "b"),
    call("4", 4, "ok"),
  ]);
  assert.deepEqual(
    uses.map(({ id, calls, errors }) => [id, calls, errors]),
    [
      ["b", 2, 1],
      ["a", 1, 0],
    ],
  );
});
