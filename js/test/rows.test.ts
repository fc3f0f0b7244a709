// From rows to what is on the screen: search, filters, order, texts, and the views' own sums.
import assert from "node:assert/strict";
import { test } from "node:test";
import { binned } from "../src/charts/histogram.tsx";
import { matcher } from "../src/lib/search.ts";
import { sortedBy } from "../src/lib/sort.ts";
import { oneLine, visible } from "../src/lib/text.ts";
import { fitColumns } from "../src/parts/grid/widths.ts";
import { Nav } from "../src/state/nav.ts";
import { pythonRow, pythonRows } from "../src/state/python.ts";
import { type Facet, runQuery } from "../src/state/query.ts";
import type { TasksRow } from "../src/store/tables.ts";
import { type AgentItem, type Arrangement, arrange } from "../src/views/agents/tree.ts";
import { collapse } from "../src/views/logs/collapse.ts";
import { row } from "./rows.ts";

test("every word searched for has to occur, in any case", () => {
  const rows = [row("tasks", "1", { title: "Fix the Watcher" }), row("tasks", "2", { title: "Fix the server" })];
  const text = (task: TasksRow) => task.title ?? "";
  assert.deepEqual(
    rows.filter(matcher("WATCH  fix", text)).map(({ id }) => id),
    ["1"],
  );
  assert.equal(rows.filter(matcher("  ", text)).length, 2);
});

test("a filter value is counted over what passes everything else", () => {
  const facets: Facet<TasksRow>[] = [
    { key: "status", title: "status", values: (task) => [task.status] },
    { key: "priority", title: "priority", values: (task) => [task.priority] },
  ];
  const rows = [
    row("tasks", "1", { status: "pending", priority: "high" }),
    row("tasks", "2", { status: "pending", priority: "low" }),
    row("tasks", "3", { status: "completed", priority: "high" }),
  ];
  const result = runQuery(rows, () => true, facets, { status: ["pending"] });
  assert.deepEqual(
    result.rows.map(({ id }) => id),
    ["1", "2"],
  );
  assert.deepEqual(result.counts.get("status"), [
    { value: "pending", count: 2 },
    { value: "completed", count: 1 },
  ]);
  assert.deepEqual(result.counts.get("priority"), [
    { value: "high", count: 1 },
    { value: "low", count: 1 },
  ]);
});

test("unknown sorts last either way, numbers in texts by value", () => {
  const sorted = (descending: boolean) => sortedBy([null, "t10", "t9"], (value) => value, descending);
  assert.deepEqual(sorted(false), ["t9", "t10", null]);
  assert.deepEqual(sorted(true), ["t10", "t9", null]);
});

test("the Python for what is shown", () => {
  assert.equal(pythonRow("tasks", 'a"b'), 'client.tasks["a\\"b"]');
  assert.equal(pythonRows("tasks", {}), "client.tasks.df()");
  assert.equal(pythonRows("tasks", { status: ["blocked"], owner: [] }), 'client.tasks.where(status="blocked")');
  assert.equal(
    pythonRows("tasks", { status: ["blocked", "failed"] }),
    '[row for row in client.tasks if row["status"] in ("blocked", "failed",)]',
  );
});

test("nothing invisible stays invisible", () => {
  assert.equal(visible("a\u202Eb\u0007\u001b[31mred\u001b[0m\r\n\tz"), "a[U+202E]b\u2407red\n\tz");
  assert.equal(oneLine("  a\n\n b "), "a b");
});

test("columns go by rank until the rest fits", () => {
  const columns = [{ min: 100 }, { min: 100, rank: 2 }, { min: 100, rank: 1 }];
  const fitting = (width: number) => fitColumns(columns, width).map(({ rank }) => rank ?? 0);
  assert.deepEqual(fitting(1_000), [0, 2, 1]);
  assert.deepEqual(fitting(300), [0, 1]);
  assert.deepEqual(fitting(120), [0]);
});

test("equal log lines in a row are one with a count", () => {
  const log = (id: string, text: string) => row("logs", id, { text, level: "info", at: Number(id) });
  const logs = [log("1", "a"), log("2", "a"), log("3", "b"), log("4", "a")];
  assert.deepEqual(
    collapse(logs, true).map(({ id, count, lastAt }) => [id, count, lastAt]),
    [
      ["1", 2, 2],
      ["3", 1, 3],
      ["4", 1, 4],
    ],
  );
  assert.equal(collapse(logs, false).length, 4);
});

test("agents: a tree of the present, then the gone by status, then people", () => {
  const agents = [
    row("agents", "child", { status: "working", parent_id: "root" }),
    row("agents", "root", { status: "idle" }),
    row("agents", "orphan", { status: "waiting", parent_id: "nobody" }),
    row("agents", "me", { role: "human" }),
    row("agents", "old", { status: "offline" }),
    row("agents", "finished", { status: "done", last_seen_at: 50 }),
    row("agents", "long finished", { status: "done", last_seen_at: 1 }),
  ];
  const shape = (arrangement: Partial<Arrangement>) =>
    arrange(agents, { since: 10, open: () => false, order: null, ...arrangement }).map(
      ({ agent, band, depth }: AgentItem) => band ?? `${"  ".repeat(depth)}${agent!.id}`,
    );
  assert.deepEqual(shape({}), ["orphan", "root", "  child", "finished", "▸ 1 done", "▸ 1 offline", "1 person", "me"]);
  assert.deepEqual(shape({ open: (status) => status === "offline" }).slice(-4, -2), ["▾ 1 offline", "old"]);
});

test("agents that are each other's parents are shown once", () => {
  const circle = [
    row("agents", "a", { status: "working", parent_id: "b" }),
    row("agents", "b", { status: "working", parent_id: "a" }),
  ];
  const items = arrange(circle, { since: 0, open: () => false, order: null });
  assert.deepEqual(items.map(({ id }) => id).sort(), ["a", "b"]);
});

test("scores at the edges have a place", () => {
  assert.deepEqual(binned([0, 0.5, 1, 1.2, -1], 2), [2, 3]);
});

test("opening a row goes to its view and clears what could hide it", () => {
  const nav = new Nav();
  nav.search.value = "something";
  nav.show("tasks", { filter: { status: "blocked" } });
  assert.deepEqual(nav.filter("tasks").value, { status: ["blocked"] });
  nav.open("tasks", "t1");
  assert.deepEqual(nav.filter("tasks").value, {});
  assert.deepEqual([nav.tab.value, nav.selected.value], ["tasks", { table: "tasks", id: "t1" }]);
});
