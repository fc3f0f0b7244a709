// Whose sessions can be read.
import assert from "node:assert/strict";
import { test } from "node:test";
import { trailTo } from "../../src/state/trail.ts";
import { Store } from "../../src/store/store.ts";
import { row } from "../support/rows.ts";
import "../support/screen.ts";

const source = (name: string, transcripts?: boolean) => ({
  name,
  path: "/home",
  files: 1,
  bytes: 1,
  state: "watching",
  ...(transcripts === undefined ? {} : { transcripts }),
});

test("an agent leads to its transcript, unless the source of its session has none", () => {
  const store = new Store();
  store.setSources([source("a"), source("b", true), source("c", false)]);
  const sessions = ["a", "b", "c"].map((name) => row("sessions", `session ${name}`, { source: name }));
  const agents = ["a", "b", "c"].map((name) => row("agents", name, { session_id: `session ${name}` }));
  store.apply({ rows: { agents, sessions }, gone: {} });
  store.commit();
  assert.deepEqual(trailTo(store, "a"), ["session a", "a"]);
  assert.deepEqual(trailTo(store, "b"), ["session b", "b"]);
  assert.equal(trailTo(store, "c"), null);
});
