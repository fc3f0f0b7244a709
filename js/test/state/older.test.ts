// Rows from before those that the browser holds.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ask } from "../../src/state/ask.ts";
import { hasOlder, loadMoment, loadOlder } from "../../src/state/older.ts";
import { recordedRows, Store } from "../../src/store/store.ts";
import { LIMITS } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";
import { drawFrame } from "../support/screen.ts";

const line = (n: number) => row("logs", `l${n}`, { at: n });

/** A store that holds the lines 10,000 to 19,999 of 20,000, and a server that has all. */
function partial(): { store: Store; ask: Ask; asked: Record<string, unknown>[] } {
  const store = new Store();
  store.setVisible({}, true);
  store.apply({ rows: { logs: Array.from({ length: 10_000 }, (_, i) => line(10_000 + i)) }, gone: {} });
  store.commit();
  store.setCounts({ logs: 20_000, tasks: 0 });
  drawFrame();
  const asked: Record<string, unknown>[] = [];
  const ask = (async (method: string, params: { before: number | [number, string]; limit: number }) => {
    asked.push({ method, ...params });
    const before = typeof params.before === "number" ? params.before : params.before[0];
    const rows = Array.from({ length: params.limit }, (_, i) => line(before - 1 - i)).filter((found) => found.at! >= 0);
    return { rows, before: rows.length < params.limit ? null : [rows.at(-1)!.at, rows.at(-1)!.id] };
  }) as Ask;
  return { store, ask, asked };
}

test("a table knows how many rows there are, and older ones come when they are asked for", async () => {
  const { store, ask, asked } = partial();
  assert.equal(recordedRows(store, "logs"), 20_000);
  assert.equal(hasOlder(store, "logs"), true);
  await loadOlder(store, ask, "logs");
  drawFrame();
  assert.equal(asked.length, 1);
  assert.equal(store.tables.logs.rows.size, 11_999, "one of the 2,000 was held");
  assert.equal(store.tables.logs.list()[0]?.at, 8_001, "the oldest is first");
});

test("rows that were loaded are not let go at once", async () => {
  const { store, ask } = partial();
  for (let i = 0; i < 3; i++) await loadOlder(store, ask, "logs");
  drawFrame();
  assert.ok(store.tables.logs.rows.size > LIMITS.logs! * 1.5);
  store.apply({ rows: { logs: [line(20_000)] }, gone: {} });
  drawFrame();
  assert.equal(store.tables.logs.rows.get("l20000")?.at, 20_000);
  assert.ok(store.tables.logs.rows.size > LIMITS.logs! * 1.5);
});

test("a moment before what is held loads the rows up to it", async () => {
  const { store, ask, asked } = partial();
  loadMoment(store, ask, 15_000);
  assert.equal(asked.length, 0, "it is held");
  loadMoment(store, ask, 5_000);
  loadMoment(store, ask, 5_000);
  await new Promise((done) => setTimeout(done));
  drawFrame();
  assert.equal(store.tables.logs.rows.get("l5000")?.at, 5_000);
  assert.equal(asked.length, 3, "page by page, once");
});
