// The protocol from our side: hello, answers in parts, gaps, epochs, silence.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Changes, Hello, UpFrame } from "../../src/link/protocol.ts";
import { LinkSession } from "../../src/link/session.ts";
import { Store } from "../../src/store/store.ts";
import { row } from "../support/rows.ts";
import { drawFrame } from "../support/screen.ts";

Object.assign(globalThis, { document: new EventTarget() });

const WELCOME = {
  type: "welcome",
  protocol: 1,
  server: "0.1.0",
  epoch: "e1",
  seq: 0,
  now: Date.now(),
  sources: [],
  schema: {},
} as const;

function changes(since: number, seq: number, ids: readonly string[], more: Partial<Changes> = {}): Changes {
  const rows = { tasks: ids.map((id) => row("tasks", id)) };
  return { type: "changes", epoch: "e1", since, seq, reset: false, rows, gone: {}, more: false, part: 0, ...more };
}

interface Talk {
  readonly store: Store;
  readonly session: LinkSession;
  readonly sent: UpFrame[];
  shown(): string[];
  hellos(): Hello[];
  end(): void;
}

function talk(): Talk {
  const store = new Store();
  store.setVisible({}, true);
  const session = new LinkSession(store, { peer: "server", beatMs: 5_000, token: "secret" });
  const sent: UpFrame[] = [];
  session.use({ send: (frame) => sent.push(frame) });
  const life = new AbortController();
  session.run(life.signal);
  session.onStatus("open");
  return {
    store,
    session,
    sent,
    shown: () => {
      drawFrame();
      return store.tables.tasks.list().map(({ id }) => id);
    },
    hellos: () => sent.filter((frame) => frame.type === "hello"),
    end: () => life.abort(),
  };
}

test("takes in how far the sources are read, and passes over frames of a later version", () => {
  const { store, session, end } = talk();
  const source = { name: "workspace", path: "/w", files: 1, bytes: 9, read: 5, state: "reading" };
  session.onFrame({ ...WELCOME, sources: [source] });
  session.onFrame({ type: "dance" } as never);
  assert.deepEqual(store.sources.value, [source]);
  session.onFrame({ type: "sources", sources: [{ ...source, read: 9, state: "watching" }] });
  assert.equal(store.sources.value[0]!.state, "watching");
  end();
});

test("says hello, with the token, and beats at once", () => {
  const { sent, hellos, end } = talk();
  assert.equal(hellos()[0]?.token, "secret");
  assert.equal(hellos()[0]?.since, null);
  assert.ok(sent.some((frame) => frame.type === "ping"));
  end();
});

test("takes the new N with the last frame of an answer only", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { session, shown, hellos, end } = talk();
  session.onFrame(WELCOME);
  session.onFrame(changes(0, 9, ["a"], { more: true }));
  session.onStatus("lost");
  session.onStatus("open");
  assert.deepEqual(hellos().at(-1)?.since, { epoch: "e1", seq: 0 });
  session.onFrame(changes(0, 9, ["a", "b"]));
  session.onStatus("open");
  assert.deepEqual(hellos().at(-1)?.since, { epoch: "e1", seq: 9 });
  assert.deepEqual(shown(), ["a", "b"]);
  end();
});

test("asks again after a gap and takes nothing from beyond it", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { session, shown, hellos, end } = talk();
  session.onFrame(WELCOME);
  session.onFrame(changes(0, 5, ["a"]));
  const before = hellos().length;
  session.onFrame(changes(7, 8, ["c"]));
  session.onFrame(changes(8, 9, ["d"]));
  assert.deepEqual(shown(), ["a"]);
  t.mock.timers.tick(1_000);
  assert.equal(hellos().length, before + 1, "one hello for many frames beyond the gap");
  assert.deepEqual(hellos().at(-1)?.since, { epoch: "e1", seq: 5 });
  session.onFrame(changes(5, 9, ["b", "c", "d"]));
  assert.deepEqual(shown(), ["a", "b", "c", "d"]);
  end();
});

test("another epoch is a gap, unless the answer starts over", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { session, shown, hellos, end } = talk();
  session.onFrame(WELCOME);
  session.onFrame(changes(0, 5, ["a"]));
  const before = hellos().length;
  session.onFrame(changes(0, 2, ["x"], { epoch: "e2" }));
  t.mock.timers.tick(1_000);
  assert.equal(hellos().length, before + 1);
  assert.deepEqual(shown(), ["a"]);
  session.onFrame(changes(0, 2, ["x"], { epoch: "e2", reset: true, more: true }));
  assert.deepEqual(shown(), ["a"], "not before the answer is complete");
  session.onFrame(changes(0, 2, ["y"], { epoch: "e2", reset: true, part: 1 }));
  assert.deepEqual(shown(), ["x", "y"], "every frame of the answer counts, though each says reset");
  end();
});

test("asks again when a frame in the middle of an answer was dropped on the way", (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { session, shown, hellos, end } = talk();
  session.onFrame(WELCOME);
  session.onFrame(changes(0, 5, ["a"], { more: true }));
  const before = hellos().length;
  session.onFrame(changes(0, 5, ["c"], { part: 2 }));
  t.mock.timers.tick(1_000);
  assert.equal(hellos().length, before + 1);
  assert.deepEqual(hellos().at(-1)?.since, { epoch: "e1", seq: 0 });
  session.onFrame(changes(0, 5, ["a"], { more: true }));
  session.onFrame(changes(0, 5, ["b"], { more: true, part: 1 }));
  session.onFrame(changes(0, 5, ["c"], { part: 2 }));
  assert.deepEqual(shown(), ["a", "b", "c"]);
  end();
});

test("silence is stale, and says so", (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.now() });
  const { session, store, end } = talk();
  session.onFrame(WELCOME);
  session.onFrame(changes(0, 1, []));
  drawFrame();
  assert.equal(store.connection.value.state, "live");
  t.mock.timers.tick(13_000);
  drawFrame();
  assert.equal(store.connection.value.state, "stale");
  session.onFrame(changes(1, 1, []));
  drawFrame();
  assert.equal(store.connection.value.state, "live");
  end();
});

test("a refusal is final", () => {
  const { session, store, end } = talk();
  session.onFrame({ type: "error", code: "unauthorized", message: "no" });
  session.onStatus("lost");
  drawFrame();
  assert.equal(store.connection.value.state, "refused");
  end();
});

test("answers a ping", () => {
  const { session, sent, end } = talk();
  session.onFrame({ type: "ping", at: 41.5 });
  const pong = sent.at(-1);
  assert.equal(pong?.type, "pong");
  assert.equal(pong?.at, 41.5);
  end();
});
