// Transcripts: pages put together, followed, folded into lines, and read as text.
import assert from "node:assert/strict";
import { test } from "node:test";
import { diffLines, diffSize } from "../../src/lib/diff.ts";
import { blocks, spans } from "../../src/lib/markdown.ts";
import { cut } from "../../src/parts/clip.tsx";
import { Nav } from "../../src/state/nav.ts";
import {
  asOf,
  countAfter,
  type Entry,
  keyOf,
  type Page,
  type Talk,
  type Tool,
  withEarlier,
  withLater,
} from "../../src/store/transcript.ts";
import { lasted } from "../../src/views/sessions/columns.tsx";
import { nested } from "../../src/views/sessions/tree.ts";
import { Feed, feedOf } from "../../src/views/transcript/feed.ts";
import { type Arrangement, arrange, type Item, stretch, tally } from "../../src/views/transcript/items.ts";
import { gist, given, purpose, shortPath, toolName } from "../../src/views/transcript/words.ts";
import { row } from "../support/rows.ts";

const NOON = new Date(2026, 6, 17, 12).getTime();

const text = (id: string, kind: "prompt" | "reply" | "thinking" = "reply", at = NOON): Entry => ({
  id,
  at,
  kind,
  text: id,
});
const call = (id: string, more: Partial<Tool> = {}): Tool => ({
  id,
  at: NOON,
  kind: "tool",
  name: "Bash",
  input: { command: id },
  output: "",
  diff: null,
  status: "ok",
  duration_ms: 1_000,
  error: null,
  files: [],
  child: null,
  asks: null,
  ...more,
});
const page = (entries: readonly Entry[], before: string | null = null, after: string | null = "end"): Page => ({
  entries,
  before,
  after,
});
const ids = (talk: Talk) => talk.entries.map((entry) => entry.id).join(" ");
const shape = (items: readonly Item[]) =>
  items
    .map((item) =>
      item.kind === "entry" ? item.entry.id : item.kind === "calls" ? `[${item.calls.length}]` : item.kind,
    )
    .join(" ");
const lines = (entries: readonly Entry[], how: Partial<Arrangement> = {}) =>
  shape(arrange(entries, { only: "all", seen: null, unfolded: () => false, ...how }).slice(1));

test("an entry told again replaces the earlier one where it stands", () => {
  const talk = page([text("a"), call("c", { status: "running" })]);
  const later = withLater(talk, page([call("c", { output: "done" }), text("b")], null, "further"));
  assert.equal(ids(later), "a c b");
  assert.equal((later.entries[1] as Tool).status, "ok");
  assert.equal(later.after, "further");
});

test("nothing new changes nothing", () => {
  const talk = page([text("a")]);
  assert.equal(withLater(talk, page([])), talk);
});

test("the page before goes in front, and what is known already counts", () => {
  const talk = page([call("c"), text("b")], "there");
  const all = withEarlier(talk, page([text("a"), call("c", { status: "running" })], null, null));
  assert.equal(ids(all), "a c b");
  assert.equal((all.entries[1] as Tool).status, "ok");
  assert.deepEqual([all.before, all.after], [null, "end"]);
});

test("more news than a page holds begin the conversation anew, without a hole in it", () => {
  assert.equal(ids(withLater(page([text("a")], "there"), page([text("y"), text("z")], "here"))), "y z");
});

test("a reply and a thought may bear the same id", () => {
  assert.equal(withLater(page([text("m", "thinking")]), page([text("m", "reply")])).entries.length, 2);
});

test("in the past later entries are not there yet, and a call that went on then has no result", () => {
  const entries = [text("a"), call("c", { output: "done", duration_ms: 5_000 }), text("b", "reply", NOON + 9_000)];
  const then = asOf(entries, NOON + 2_000);
  assert.deepEqual(
    then.map((entry) => entry.id),
    ["a", "c"],
  );
  assert.deepEqual([(then[1] as Tool).status, (then[1] as Tool).output], ["running", null]);
});

test("what came since is counted behind the last entry that was seen", () => {
  const entries = [text("a"), text("b"), text("c")];
  assert.equal(countAfter(entries, keyOf(entries[0]!)), 2);
  assert.equal(countAfter(entries, "reply gone"), 0);
});

test("calls that went well are one line once something else was text", () => {
  const run = ["1", "2", "3"].map((id) => call(id));
  assert.equal(lines([text("a"), ...run, text("b")]), "a [3] b");
  assert.equal(lines([text("a"), ...run]), "a 1 2 3", "the newest are seen");
  assert.equal(lines([text("a"), call("1"), call("2"), text("b")]), "a 1 2 b", "two lines say more than one");
  assert.equal(lines([...run, text("b")], { unfolded: (entry) => entry.id === "2" }), "[3] 1 2 3 b");
  assert.equal(lines([...run, text("b")], { only: "tools" }), "1 2 3");
});

test("of a long run that goes on the newest calls are seen", () => {
  assert.equal(lines(Array.from({ length: 20 }, (_, i) => call(`${i}`))), "[14] 14 15 16 17 18 19");
});

test("who failed, leads to another transcript or asks the person is not folded away", () => {
  const odd = [call("e", { status: "error" }), call("k", { child: "s/1" }), call("q", { asks: "which?" })];
  const run = ["1", "2", "3"].map((id) => call(id));
  assert.equal(lines([...run, odd[0]!, odd[1]!, odd[2]!, text("b")]), "[3] e k q b");
});

test("silent thinking takes no line unless it is what happens now", () => {
  const silent: Entry = { id: "t", at: NOON, kind: "thinking", text: null };
  assert.equal(lines([text("a"), silent, text("b")]), "a b");
  assert.equal(lines([text("a"), silent]), "a t");
});

test("errors are failed and denied calls, failed answers and failed turns", () => {
  const entries: Entry[] = [
    text("a"),
    call("e", { status: "error" }),
    call("d", { status: "denied" }),
    call("ok"),
    { id: "r", at: NOON, kind: "answer", sender: "s", text: "lost", failed: true },
    { id: "x", at: NOON, kind: "end", how: "failed", text: null },
  ];
  assert.equal(lines(entries, { only: "errors" }), "e d r x");
});

test("the mark stands before the first entry that came since, and parts a run", () => {
  const run = ["1", "2", "3", "4", "5", "6"].map((id) => call(id));
  assert.equal(lines([...run, text("b")], { seen: keyOf(run[2]!) }), "[3] new [3] b");
  assert.equal(lines([text("a")], { seen: "reply a" }), "a", "nothing came");
});

test("each day is told", () => {
  const items = arrange([text("a"), text("b", "reply", NOON + 86_400_000)], {
    only: "all",
    seen: null,
    unfolded: () => false,
  });
  assert.equal(shape(items), "day a day b");
});

test("a run tells which tools and how long", () => {
  const run = [call("1"), call("2", { name: "Read", at: NOON + 4_000 }), call("3")];
  assert.equal(tally(run, toolName), "Bash 2, Read");
  assert.equal(stretch(run), 5_000);
});

test("a call says what it is about", () => {
  assert.equal(gist(call("ls -l")), "ls -l");
  assert.equal(
    gist(call("x", { input: { replace_all: false, file_path: "/a/b/c/d/e.ts", old_string: "1" } })),
    "…/c/d/e.ts",
  );
  assert.equal(gist(call("x", { input: { pattern: "TODO", path: "src" } })), "TODO in src");
  assert.equal(gist(call("x", { input: { prompt: "long", description: "short" }, child: "s/1" })), "short");
  assert.equal(gist(call("x", { input: null })), "");
  assert.equal(toolName(call("x", { name: "mcp__web_browser__open" })), "open");
  assert.equal(shortPath("src/a.ts"), "src/a.ts");
  const listing = call("ls", { input: { command: "ls", description: "List", timeout: 9, cwd: "/a" } });
  assert.equal(given(listing), "ls\n\ncwd: /a");
  assert.equal(purpose(listing), "List", "above it");
  assert.equal(given(listing, true), "ls\n\ntimeout: 9\ncwd: /a", "nothing is left out of what is searched for");
  assert.equal(purpose(call("x", { input: { description: "a task" } })), "", "it is in its input");
});

test("Markdown: fences, headings, lists, tables and rules are told from text", () => {
  const kinds = blocks(
    "# One\ntext\nmore\n\n- a\n  b\n1. c\n\n```py\n# code\n```\n---\n| a | b |\n|---|---|\n| 1 | 2 |\nend",
  );
  assert.deepEqual(
    kinds.map((block) => block.kind),
    ["heading", "text", "item", "item", "code", "rule", "table", "text"],
  );
  assert.deepEqual(kinds[2], { kind: "item", depth: 0, marker: "-", text: "a\nb" });
  assert.deepEqual(kinds[4], { kind: "code", text: "# code" });
  assert.deepEqual(kinds[6], {
    kind: "table",
    rows: [
      ["a", "b"],
      ["1", "2"],
    ],
  });
  assert.deepEqual(
    blocks("```\nopen"),
    [{ kind: "code", text: "open" }],
    "a fence that is not closed goes on to the end",
  );
});

test("Markdown: code, bold and links inside a line; lone marks stay", () => {
  const told = (text: string) =>
    spans(text)
      .map((span) => `${span.kind}:${span.text}`)
      .join("|");
  assert.equal(told("run `a * b` **now** and *then*"), "text:run |code:a * b|text: |bold:now|text: and |stressed:then");
  assert.equal(told("2 * 3 ** 4 `x"), "text:2 * 3 ** 4 `x");
  assert.equal(told("snake_case *.py a*b*c"), "text:snake_case *.py a*b*c");
  assert.deepEqual(spans("[x](javascript:1)")[0], { kind: "link", text: "x", href: "javascript:1" });
  assert.equal(told("see https://a.example/b."), "text:see |link:https://a.example/b|text:.");
});

test("hostile text is read in no time", () => {
  const began = performance.now();
  for (const piece of ["`", "``a", "**", "*a", "[", "[a](", "http", "| ", "- ", "```\n", "|-|\n"]) {
    const text = piece.repeat(20_000 / piece.length);
    blocks(text);
    spans(text);
  }
  assert.ok(performance.now() - began < 3_000);
});

test("a diff line by line: removed lines that look like a file's name are changes", () => {
  const diff = "--- a.sql\n+++ a.sql\n@@\n same\n--- comment\n+new\n@@\n-old";
  assert.deepEqual(
    diffLines(diff).map(({ kind }) => kind),
    ["file", "gap", "same", "removed", "added", "gap", "removed"],
  );
  assert.deepEqual(diffSize(diff), { added: 1, removed: 2 });
});

test("a long text is cut at lines, one long line at characters, and a little over stays whole", () => {
  assert.equal(cut("x\n".repeat(100), 12).more, "101 lines");
  assert.equal(cut("x".repeat(20_000), 12).more, "20,000 characters");
  assert.equal(cut("x\n".repeat(13), 12).more, null);
});

test("sub-sessions stand under the one that began them, the latest root first", () => {
  const rows = [
    row("sessions", "a", { started_at: 1 }),
    row("sessions", "a2", { started_at: 9, parent_id: "a" }),
    row("sessions", "a1", { started_at: 3, parent_id: "a" }),
    row("sessions", "b", { started_at: 5, parent_id: "unknown" }),
    row("sessions", "x", { started_at: 2, parent_id: "y" }),
    row("sessions", "y", { started_at: 2, parent_id: "x" }),
  ];
  const order = nested(rows)
    .map(({ id, depth }) => `${id}${depth}`)
    .join(" ");
  assert.match(order, /^b0 a0 a11 a21 (y0 x1|x0 y1)$/, order);
});

test("a session that nobody closed lasted until it was last heard of", () => {
  assert.equal(lasted(row("sessions", "a", { started_at: 1_000, updated_at: 4_000 })), 3_000);
  assert.equal(lasted(row("sessions", "a", { started_at: 1_000, updated_at: 4_000, duration_ms: 7 })), 7);
  assert.equal(lasted(row("sessions", "a", { started_at: 1_000 })), null);
});

interface Asked {
  readonly params: Readonly<Record<string, unknown>>;
  readonly answer: (page: Page) => Promise<void>;
  readonly refuse: (code: string) => Promise<void>;
}

function server() {
  const asked: Asked[] = [];
  const rest = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  const ask = <T>(_method: string, params: Readonly<Record<string, unknown>>) =>
    new Promise<T>((resolve, reject) => {
      asked.push({
        params,
        answer: (told) => (resolve(told as T), rest()),
        refuse: (code) => (reject(Object.assign(new Error(code), { code })), rest()),
      });
    });
  return { asked, ask };
}

test("what is new is asked for once at a time, and again when more came meanwhile", async () => {
  const { asked, ask } = server();
  const feed = new Feed(ask, "s");
  feed.follow();
  feed.follow();
  feed.follow();
  assert.equal(asked.length, 1);
  await asked[0]!.answer(page([text("a")], "there"));
  await new Promise((resolve) => setTimeout(resolve, 560));
  assert.deepEqual(
    asked.map(({ params }) => params["after"]),
    [undefined, "end"],
    "the second one after a pause",
  );
  await asked[1]!.answer(page([text("b")], null, "further"));
  assert.equal(ids(feed.talk.value!), "a b");
  feed.leave();
  assert.equal(feed.seen.value, "reply b");
});

test("a page before a conversation that began anew meanwhile is dropped", async () => {
  const { asked, ask } = server();
  const feed = new Feed(ask, "s");
  feed.follow();
  await asked[0]!.answer(page([text("b")], "there"));
  void feed.earlier();
  await new Promise((resolve) => setTimeout(resolve, 520));
  feed.follow();
  await asked[2]!.answer(page([text("z")], "elsewhere"));
  await asked[1]!.answer(page([text("a")]));
  assert.equal(ids(feed.talk.value!), "z");
});

test("that there is none is told from that it could not be had", async () => {
  for (const [code, none] of [
    ["not_found", true],
    ["internal", false],
  ] as const) {
    const { asked, ask } = server();
    const feed = new Feed(ask, "s");
    feed.follow();
    await asked[0]!.refuse(code);
    assert.equal(feed.trouble.value?.none, none);
  }
});

test("a conversation is still there when its reader comes back, of one view", () => {
  const { ask } = server();
  const nav = new Nav();
  assert.equal(feedOf(nav, ask, "s"), feedOf(nav, ask, "s"));
  assert.notEqual(feedOf(nav, ask, "s"), feedOf(new Nav(), ask, "s"));
});

test("an entry of which only the time is known is gone back to, and no further than its time", async () => {
  for (const [wanted, at, found, asks] of [
    ["reply b", NOON, true, 2],
    ["reply z", NOON + 200_000, false, 1],
  ] as const) {
    const { asked, ask } = server();
    const feed = new Feed(ask, "s");
    const reading = feed.openNear(wanted, at);
    await asked[0]!.answer(page([text("c")], "p1"));
    await asked[1]?.answer(page([text("a"), text("b")], "p0"));
    assert.equal(await reading, found);
    assert.equal(asked.length, asks);
    assert.equal(ids(feed.talk.value!), found ? "a b" : "c");
    assert.deepEqual([feed.talk.value!.after, feed.talk.value!.ahead], found ? ["p1", true] : ["end", undefined]);
  }
});
