// What memory entries said before, and what changed between two texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { comparable, MemoryVersions, memoryVersions } from "../../src/store/memory-versions.ts";
import { Store } from "../../src/store/store.ts";
import { row } from "../support/rows.ts";
import { drawFrame } from "../support/screen.ts";

const entry = (id: string, text: string) => row("memory", id, { text, version: `v-${text}` });
const texts = (versions: MemoryVersions, id: string) => versions.of(id)?.versions.map(({ text }) => text);

test("what was there at the opening is neither new nor changed", () => {
  const versions = new MemoryVersions();
  versions.note([entry("a", "1"), entry("b", "1")], 10, true);
  assert.equal(versions.of("a"), undefined);
  versions.note([entry("a", "1")], 20); // read again, the same
  assert.equal(versions.of("a"), undefined);
});

test("each change keeps what was said before", () => {
  const versions = new MemoryVersions();
  const other = entry("b", "1");
  versions.note([entry("a", "1"), other], 10, true);
  versions.note([other, entry("a", "2")], 20);
  versions.note([other, entry("a", "3"), entry("c", "1")], 30);
  assert.deepEqual(texts(versions, "a"), ["1", "2", "3"]);
  assert.deepEqual(
    versions.of("a")!.versions.map(({ seenAt }) => seenAt),
    [null, 20, 30],
  );
  assert.equal(versions.of("a")!.changes, 2);
  assert.equal(versions.of("b"), undefined);
  assert.deepEqual([versions.of("c")!.isNew, versions.of("c")!.changes], [true, 0]);
});

test("versions are kept in bounded number, changes are counted all", () => {
  const versions = new MemoryVersions();
  versions.note([entry("a", "0")], 0, true);
  for (let n = 1; n <= 50; n++) versions.note([entry("a", String(n))], n);
  assert.equal(versions.of("a")!.versions.length, 20);
  assert.equal(versions.of("a")!.changes, 50);
  for (let n = 0; n < 600; n++) versions.note([entry(`n${n}`, "new")], n);
  assert.equal(versions.of("a"), undefined);
  assert.ok(versions.of("n599")!.isNew);
});

test("a file that was caught emptied on its way to be written did not change twice", () => {
  const versions = new MemoryVersions();
  versions.note([entry("a", "1")], 0, true);
  versions.note([entry("a", "")], 5_000);
  versions.note([entry("a", "2")], 5_100);
  assert.deepEqual([texts(versions, "a"), versions.of("a")!.changes], [["1", "2"], 1]);
  versions.note([entry("a", "")], 9_000);
  versions.note([entry("a", "3")], 19_000);
  assert.deepEqual(texts(versions, "a"), ["1", "2", "", "3"]);
});

test("whole texts replace previews of their version, also when they come first", () => {
  const versions = new MemoryVersions();
  versions.note([entry("a", "1")], 0, true);
  versions.setText("a", { text: "1 whole", version: "v-1", truncated: false });
  versions.setText("a", { text: "2 whole", version: "v-2", truncated: false });
  assert.deepEqual(texts(versions, "a"), ["1 whole"]);
  assert.equal(versions.of("a")!.changes, 0);
  versions.note([entry("a", "2")], 10);
  assert.deepEqual(texts(versions, "a"), ["1 whole", "2 whole"]);
  assert.ok(versions.of("a")!.versions.every(({ whole }) => whole));
});

test("a whole text is compared with a beginning by its own beginning", () => {
  const long = "x".repeat(900);
  const version = (text: string, whole: boolean) => ({ version: text, seenAt: 0, text, whole, truncated: false });
  const cut = `${"x".repeat(499)}…`;
  assert.deepEqual(comparable(version(long, true), version(cut, false)), [cut, cut]);
  assert.deepEqual(comparable(version(long, true), version("short", true)), [long, "short"]);
});

test("a store's first rows are no news, later ones are", async () => {
  const store = new Store();
  store.setVisible(store, true);
  const versions = memoryVersions(store);
  store.apply({ rows: { memory: [entry("a", "1")] }, gone: {} });
  store.commit();
  drawFrame();
  await null;
  assert.equal(versions.of("a"), undefined);
  store.apply({ rows: { memory: [entry("a", "2"), entry("b", "1")] }, gone: {} });
  drawFrame();
  assert.deepEqual(texts(versions, "a"), ["1", "2"]);
  assert.ok(versions.of("b")!.isNew);
  assert.equal(memoryVersions(store), versions);
});

test("an entry that was written before the page was opened is not new, however late it is read", () => {
  const versions = new MemoryVersions();
  versions.note([], 1_000, true);
  const at = (id: string, updated_at: number | null) => row("memory", id, { text: id, version: id, updated_at });
  versions.note([at("old", 900), at("late", 1_100), at("undated", null)], 2_000);
  assert.equal(versions.of("old"), undefined);
  assert.ok(versions.of("late")!.isNew);
  assert.ok(versions.of("undated")!.isNew);
});
