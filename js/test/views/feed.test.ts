// The feed of one agent, and the files it changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callsByAgent, messagesInOrder, spansByAgent } from "../../src/store/events.ts";
import type { Entry } from "../../src/store/transcript.ts";
import { feedOf } from "../../src/views/agents/feed.tsx";
import { changedFiles } from "../../src/views/agents/files.tsx";
import { row } from "../support/rows.ts";

const agent = row("agents", "a", { name: "ann" });
const call = (at: number, who = "a") => row("tool_calls", `c${at}${who}`, { at, agent_id: who });
const message = (at: number, sender: string, recipient: string) =>
  row("messages", `m${at}`, { at, sender, recipient, kind: "ask" });
const events = {
  calls: callsByAgent([call(1), call(4), call(2, "b")]),
  messages: messagesInOrder([message(3, "b", "ann"), message(5, "a", "b"), message(6, "b", "c")]),
  spans: spansByAgent([row("spans", "s", { agent_id: "a", started_at: 0 })]),
};

test("everything of one agent in order of time, and nothing of others", () => {
  const { items, total } = feedOf(events, agent, 10);
  assert.deepEqual(
    items.map(({ what, at }) => `${what} ${at}`),
    ["span 0", "call 1", "message 3", "call 4", "message 5"],
  );
  assert.equal(total, 5);
});

test("the last of it, and how much there is", () => {
  const { items, total } = feedOf(events, agent, 2);
  assert.deepEqual([items.map(({ at }) => at), total], [[4, 5], 5]);
});

const edit = (at: number, ...files: string[]) =>
  ({ id: `e${at}`, at, kind: "tool", status: "ok", files, diff: "+x" }) as unknown as Entry;
const prompt = { id: "p", at: 5, kind: "prompt", text: "go on" } as unknown as Entry;

test("files that were changed, the last first, since the last prompt or ever", () => {
  const failed = { ...edit(8, "c"), status: "error" } as Entry;
  const entries = [edit(1, "a"), edit(2, "b"), edit(3, "a"), prompt, edit(6, "b"), failed];
  const paths = (turn: boolean) => changedFiles(entries, turn).map(({ path, calls }) => `${path} ${calls.length}`);
  assert.deepEqual(paths(true), ["b 1"]);
  assert.deepEqual(paths(false), ["b 2", "a 2"]);
});
