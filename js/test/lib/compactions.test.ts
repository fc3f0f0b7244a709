// When a context was compacted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compactionsOf } from "../../src/lib/compactions.ts";
import { row } from "../support/rows.ts";

test("compactions are found in the log of an agent and in what it did, oldest first", () => {
  const log = (at: number, text: string, agent_id = "a") => row("logs", `${at}`, { at, text, agent_id });
  const logs = [
    log(30, "conversation compacted (auto, 167117 tokens)"),
    log(20, "conversation compacted (manual)", "b"),
    log(10, "API error 529, try 1 of 10"),
  ];
  const spans = [row("spans", "s", { agent_id: "a", started_at: 15, status_reason: "compacts its context" })];
  assert.deepEqual(compactionsOf("a", logs, spans), [
    { at: 15, about: null },
    { at: 30, about: "auto, 167117 tokens" },
  ]);
});
