// The replica: what frames do to the tables, and when it shows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Store } from "../../src/store/store.ts";
import { row } from "../support/rows.ts";
import { drawFrame } from "../support/screen.ts";

function seen(): Store {
  const store = new Store();
  store.setVisible({}, true);
  drawFrame();
  return store;
}

const tasks = (...ids: string[]) => ({ rows: { tasks: ids.map((id) => row("tasks", id)) }, gone: {} });
const listed = (store: Store) => store.tables.tasks.list().map(({ id }) => id);

test("many changes are one repaint", () => {
  const store = seen();
  const before = store.tables.tasks.version.value;
  for (let i = 0; i < 5_000; i++) store.apply(tasks(`t${i % 100}`));
  assert.equal(store.tables.tasks.rows.size, 100, "the map changes at once");
  assert.equal(store.tables.tasks.version.value, before, "the signal waits");
  assert.equal(drawFrame(), 1);
  assert.equal(store.tables.tasks.version.value, before + 1);
});

test("of changes in every frame each third is shown, the first at once and the last too", () => {
  const store = seen();
  const { version } = store.tables.tasks;
  const before = version.value;
  drawFrame();
  store.apply(tasks("first"));
  drawFrame(16.7);
  assert.equal(version.value, before + 1, "after a quiet moment nothing waits");
  for (let i = 0; i < 60; i++) {
    store.apply(tasks(`t${i}`));
    drawFrame(16.7);
  }
  const shown = version.value - before;
  assert.ok(shown >= 15 && shown <= 22, `${shown} of 60 changes were shown one by one`);
  while (drawFrame(16.7) > 0);
  assert.equal(listed(store).at(-1), "t59");
});

test("nothing is drawn while nobody looks, and everything once on return", () => {
  const store = new Store();
  const onlooker = {};
  store.setVisible(onlooker, true);
  drawFrame();
  store.setVisible(onlooker, false);
  drawFrame();
  store.apply(tasks("a"));
  store.commit();
  assert.equal(drawFrame(), 0);
  assert.equal(store.tables.tasks.version.value, 0);
  store.setVisible(onlooker, true);
  assert.equal(drawFrame(), 1);
  assert.equal(store.tables.tasks.version.value, 1);
});

test("the list is in the order of the last change and stays the same array between versions", () => {
  const store = seen();
  store.apply(tasks("a", "b", "c"));
  store.commit();
  drawFrame();
  const first = store.tables.tasks.list();
  store.apply(tasks("a"));
  assert.equal(store.tables.tasks.list(), first);
  drawFrame();
  assert.deepEqual(listed(store), ["b", "c", "a"]);
});

test("a reset swaps when it is complete, so that the screen never blanks", () => {
  const store = seen();
  store.apply(tasks("old", "kept"));
  store.commit();
  drawFrame();
  store.beginReset();
  store.apply(tasks("kept", "new"));
  drawFrame();
  assert.deepEqual(listed(store), ["old", "kept"]);
  store.commit();
  drawFrame();
  assert.deepEqual(listed(store), ["kept", "new"]);
});

test("a first load is no change; what comes after is", () => {
  const store = seen();
  store.apply(tasks("a"));
  store.commit();
  assert.equal(store.tables.tasks.changedAt.size, 0);
  store.apply(tasks("a"));
  assert.deepEqual([...store.tables.tasks.changedAt.keys()], ["a"]);
});

test("gone rows go", () => {
  const store = seen();
  store.apply(tasks("a", "b"));
  store.apply({ rows: {}, gone: { tasks: ["a"] } });
  drawFrame();
  assert.deepEqual(listed(store), ["b"]);
});

test("a pause freezes what is shown and loses nothing", () => {
  const store = seen();
  store.apply(tasks("a"));
  store.commit();
  drawFrame();
  store.setPaused(true);
  store.apply(tasks("b"));
  drawFrame();
  assert.deepEqual(listed(store), ["a"]);
  store.setPaused(false);
  drawFrame();
  assert.deepEqual(listed(store), ["a", "b"]);
});

test("an old log line makes room for a new one", () => {
  const store = seen();
  const logs = Array.from({ length: 12_001 }, (_, i) => row("logs", `l${i}`));
  store.apply({ rows: { logs }, gone: {} });
  drawFrame();
  assert.equal(store.tables.logs.rows.size, 10_000);
  assert.equal(store.tables.logs.list().at(-1)?.id, "l12000");
});
