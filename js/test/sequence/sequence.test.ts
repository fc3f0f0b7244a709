// Which message answers which, who has which lane, and the rows of the sequence.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assignLanes } from "../../src/sequence/lanes.ts";
import { type FlowItem, layFlow } from "../../src/sequence/layout.ts";
import { latencyOf, pairUp, standingOf } from "../../src/sequence/pairs.ts";
import { cutName, inLines } from "../../src/sequence/words.ts";
import type { AgentsRow, MessagesRow } from "../../src/store/tables.ts";
import { row } from "../support/rows.ts";

const START = new Date(2026, 0, 5, 12).getTime();
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** `seconds` after noon, from one to another. */
function message(id: string, seconds: number, way: string, kind: string, more: Partial<MessagesRow> = {}): MessagesRow {
  const [sender, recipient] = way.split(">") as [string, string];
  return row("messages", id, { at: START + seconds * SECOND, sender, recipient, kind, text: id, ...more });
}

const pair = (...messages: MessagesRow[]) => pairUp(messages, (id) => id === "user");

/** "answer → question" of all that is joined. */
function joined(...messages: MessagesRow[]): Record<string, string> {
  return Object.fromEntries(Array.from(pair(...messages).answered, ([id, question]) => [id, question.id]));
}

test("a result answers the delegation between the same two, in their order", () => {
  const first = message("a", 0, "lead>w1", "delegate");
  const other = message("b", 1, "lead>w2", "delegate");
  const second = message("c", 2, "lead>w1", "delegate");
  const one = message("x", 124, "w1>lead", "result");
  const two = message("y", 130, "w1>lead", "result");
  assert.deepEqual(joined(first, other, second, one, two), { x: "a", y: "c" });
  const pairs = pair(first, other, second, one, two);
  assert.equal(latencyOf(pairs, one), 124 * SECOND);
  assert.deepEqual([...pairs.open], ["b"]);
});

test("a row with an agent's last result answers the last delegation to it, and no earlier one stays open", () => {
  const messages = [
    message("s:1>", 0, "s>a", "delegate"),
    message("s:2>", 60, "s>a", "delegate"),
    message("s:a<", 90, "a>s", "result"),
  ];
  assert.deepEqual(joined(...messages), { "s:a<": "s:2>" });
  assert.equal(pair(...messages).open.size, 0);
});

test("a task says which work is done, whatever the order", () => {
  const messages = [
    message("a", 0, "lead>w", "delegate", { task_id: "t1" }),
    message("b", 1, "lead>w", "direct", { task_id: "t2" }),
    message("x", 10, "w>lead", "task_completed", { task_id: "t2" }),
    message("y", 20, "w>lead", "result", { task_id: "t1" }),
  ];
  assert.deepEqual(joined(...messages), { x: "b", y: "a" });
});

test("a result of another task does not answer the delegation", () => {
  const messages = [
    message("a", 0, "lead>w", "delegate", { task_id: "t1" }),
    message("x", 9, "w>lead", "result", { task_id: "t2" }),
  ];
  assert.deepEqual(joined(...messages), {});
});

test("an offered task is answered by the claim, and the claim by what the claimer completes", () => {
  const messages = [
    message("offer", 0, "lead>*", "task_available", { task_id: "t" }),
    message("claim", 10, "w>*", "task_claim", { task_id: "t" }),
    message("late", 11, "v>*", "task_claim", { task_id: "t" }),
    message("done", 70, "w>*", "task_completed", { task_id: "t" }),
    message("told", 70, "w>lead", "task_completed", { task_id: "t" }),
  ];
  assert.deepEqual(joined(...messages), { claim: "offer", done: "claim" });
});

test("a reply answers the last prompt of its session, an ask is answered by the next prompt", () => {
  const messages = [
    message("p1", 0, "user>a", "prompt", { session_id: "s" }),
    message("p2", 100, "user>a", "prompt", { session_id: "s" }),
    message("else", 101, "user>a", "prompt", { session_id: "z" }),
    message("ask", 160, "a>user", "ask", { session_id: "s" }),
    message("p3", 200, "user>a", "prompt", { session_id: "s" }),
    message("reply", 230, "a>user", "reply", { session_id: "s" }),
    message("more", 300, "a>user", "reply", { session_id: "s" }),
  ];
  assert.deepEqual(joined(...messages), { ask: "p2", p3: "ask", reply: "p3" });
  const pairs = pair(...messages);
  assert.equal(latencyOf(pairs, messages[4]!), 40 * SECOND);
  assert.equal(latencyOf(pairs, messages[6]!), null);
});

test("on the board a person's note answers a question only when one alone is open", () => {
  const asks = (id: string, seconds: number, way: string) => message(id, seconds, way, "user", { text: "May I?" });
  const one = [asks("q", 0, "w>*"), message("yes", 14, "user>*", "user")];
  assert.deepEqual(joined(...one), { yes: "q" });
  const two = [asks("q", 0, "w>*"), asks("r", 1, "v>*"), message("yes", 14, "user>*", "user")];
  assert.deepEqual(joined(...two), {});
  assert.equal(pair(...two).open.size, 0);
});

test("an ask waits until it is answered, overtaken, or the asker is gone", () => {
  const ask = message("ask", 0, "a>user", "ask");
  const open = pair(ask);
  assert.equal(
    standingOf(ask, open, () => "waiting"),
    "waiting",
  );
  assert.equal(
    standingOf(ask, open, () => "offline"),
    null,
  );
  assert.equal(
    standingOf(ask, open, () => null),
    null,
  );
  assert.equal(
    standingOf(ask, pair(ask, message("p", 5, "user>a", "prompt")), () => "working"),
    null,
  );
  assert.equal(
    standingOf(ask, pair(ask, message("r", 5, "a>user", "reply")), () => "working"),
    null,
  );
});

test("a request is answered by the response to it", () => {
  const messages = [message("q", 0, "w>lead", "permission_request"), message("x", 3, "lead>w", "permission_response")];
  assert.deepEqual(joined(...messages), { x: "q" });
});

interface Setting {
  readonly capacity?: number;
  readonly unfolded?: string;
  readonly selected?: string;
  readonly agents?: readonly AgentsRow[];
}

function lay(messages: readonly MessagesRow[], { capacity = 9, unfolded, selected, agents = [] }: Setting = {}) {
  const known = new Map(agents.map((agent) => [agent.id, agent]));
  const pairs = pair(...messages);
  const standing = (message: MessagesRow) => standingOf(message, pairs, (id) => known.get(id)?.status ?? null);
  const isUnfolded = (run: string) => run === unfolded;
  return layFlow({ messages, pairs, agents: known, capacity, standing, isUnfolded, selected: selected ?? null });
}

const brief = (item: FlowItem): string =>
  item.type === "message" ? `${item.id}${item.folded ? ` ×${item.count}` : ""}` : item.type;

const briefs = (...given: Parameters<typeof lay>): string[] =>
  lay(...given)
    .items.slice(1)
    .map(brief); // without the day

const chatter = [0, 10, 20, 30].map((seconds, i) => message(`m${i}`, seconds, "a>b", "message"));

test("similar messages in a row are one with a count, and open on demand", () => {
  const rows = [...chatter, message("n", 35, "b>a", "message")];
  assert.deepEqual(briefs(rows), ["m0 ×4", "n"]);
  assert.deepEqual(briefs(rows, { unfolded: "m0" }), ["m0", "m1", "m2", "m3", "n"]);
  assert.deepEqual(briefs(rows, { selected: "m2" }), ["m0", "m1", "m2", "m3", "n"]);
});

test("two are no run, and what comes much later is not in it", () => {
  assert.deepEqual(briefs(chatter.slice(0, 2)), ["m0", "m1"]);
  const late = message("late", 30 + 121, "a>b", "message");
  assert.deepEqual(briefs([...chatter, late]), ["m0 ×4", "late"]);
});

test("an ask that waits is never folded away", () => {
  const agents = [row("agents", "a", { status: "waiting" })];
  const asks = [0, 1, 2].map((seconds) => message(`r${seconds}`, seconds, "a>b", "message"));
  const ask = message("ask", 3, "a>b", "question");
  assert.deepEqual(briefs([...asks, ask], { agents }), ["r0 ×3", "ask"]);
});

test("a silence has its length, and a new day its date", () => {
  const messages = [
    ...chatter,
    message("later", 30 + 72 * 60, "b>a", "message"),
    message("next", 24 * 3600, "b>a", "message"),
  ];
  const pauses = lay(messages).items.filter((item) => item.type === "pause");
  assert.deepEqual(
    pauses.map(({ ms, day }) => [ms === null ? null : ms / MINUTE, day !== null]),
    [
      [null, true],
      [72, false],
      [24 * 60 - 72.5, true],
    ],
  );
});

test("in sparse messages minutes of silence are no news", () => {
  const hourly = [0, 1, 2, 3, 4].map((hour) => message(`h${hour}`, hour * 3600, hour % 2 ? "a>b" : "b>a", "message"));
  assert.deepEqual(briefs(hourly), ["h0", "h1", "h2", "h3", "h4"]);
});

test("work is a stretch on the lane of who does it, from the delegation to the result", () => {
  const agents = [row("agents", "v", { status: "working" })];
  const messages = [
    message("d", 0, "lead>w", "delegate"),
    message("e", 1, "lead>v", "delegate"),
    message("f", 2, "lead>w", "delegate"),
    message("r", 60, "w>lead", "result"),
  ];
  const { works, lanes } = lay(messages, { agents });
  const laneOf = (id: string) => lanes.stays.find((stay) => stay.id === id)?.lane;
  assert.deepEqual(
    works.map(({ id, lane, from, to, status }) => [id, lane, from, to, status]),
    [
      ["d", laneOf("w"), 1, 4, null],
      ["e", laneOf("v"), 2, 5, "working"],
    ],
  );
});

test("people come first, then orchestrators, children behind their parent", () => {
  const agents = [
    row("agents", "user", { role: "human" }),
    row("agents", "lead", { role: "orchestrator" }),
    row("agents", "kid", { parent_id: "w1" }),
  ];
  const ends = ["w1>w2", "w2>kid", "lead>user"].map((way) => {
    const [sender, recipient] = way.split(">") as [string, string];
    return { sender, recipient, work: null };
  });
  const { stays } = assignLanes(ends, new Map(agents.map((agent) => [agent.id, agent])), 9);
  assert.deepEqual(
    stays.map(({ id }) => id),
    ["user", "lead", "w1", "kid", "w2"],
  );
});

test("with more agents than lanes, who is through gives the lane to the next, under a head", () => {
  const messages = ["a", "b", "c"].flatMap((worker, i) => [
    message(`${worker}>`, i * 60, `lead>${worker}`, "delegate"),
    message(`${worker}<`, i * 60 + 30, `${worker}>lead`, "result"),
  ]);
  const { items, lanes } = lay(messages, { capacity: 2 });
  assert.deepEqual(items.slice(1).map(brief), ["a>", "a<", "heads", "b>", "b<", "heads", "c>", "c<"]);
  assert.deepEqual(
    lanes.stays.filter(({ lane }) => lane === 1).map(({ id }) => id),
    ["a", "b", "c"],
  );
  assert.deepEqual(lanes.others, []);
});

test("who finds no lane is among the others", () => {
  const messages = ["a", "b", "c", "a", "b", "c"].map((worker, i) => message(`m${i}`, i, `lead>${worker}`, "message"));
  const { lanes } = lay(messages, { capacity: 3 });
  assert.deepEqual(lanes.others, ["b", "c"]);
  assert.deepEqual(
    lanes.ways.slice(1).map((way) => way?.to),
    [1, 2, 2, 1, 2, 2],
  );
});

test("a lane passes from who was silent longest, and never from who is at work", () => {
  const messages = [
    message("d", 0, "lead>w", "delegate"),
    message("m", 1, "lead>v", "message"),
    ...[2, 3, 4, 5, 6].map((second) => message(`n${second}`, second * 10, second % 2 ? "lead>x" : "x>lead", "message")),
    message("o", 80, "lead>y", "message"),
    message("r", 90, "w>lead", "result"),
  ];
  const { lanes } = lay(messages, { capacity: 4 });
  const laneOf = (id: string) => lanes.stays.filter((stay) => stay.id === id).map(({ lane }) => lane);
  assert.deepEqual([laneOf("w"), laneOf("v"), laneOf("y")], [[1], [2], [2]]);
});

test("a lane whose agent has long been silent is used again before a new one is", () => {
  const talk = (id: string, from: number) =>
    Array.from({ length: 14 }, (_, i) =>
      message(`${id}${i}`, from + i, i % 2 ? `${id}>lead` : `lead>${id}`, "message"),
    );
  const { lanes } = lay(
    ["a", "b", "c", "d", "e"].flatMap((id, i) => talk(id, i * 20)),
    { capacity: 5 },
  );
  assert.deepEqual(
    lanes.stays.toSorted((a, b) => a.first - b.first || a.lane - b.lane).map(({ id, lane }) => `${id} ${lane}`),
    ["lead 0", "a 1", "b 2", "c 1", "d 2", "e 1"],
  );
});

test("what is laid out stays where it is when more comes", () => {
  const messages = Array.from({ length: 60 }, (_, i) => message(`m${i}`, i, `lead>w${(i * 7) % 11}`, "message"));
  const before = lay(messages.slice(0, 40), { capacity: 4 }).lanes.ways;
  assert.deepEqual(lay(messages, { capacity: 4 }).lanes.ways.slice(0, before.length), before);
});

test("ten thousand messages are laid out, and none is lost", () => {
  const kinds = ["delegate", "message", "result", "direct"];
  const messages = Array.from({ length: 10_000 }, (_, i) =>
    message(`m${i}`, i, i % 4 === 2 ? `w${i % 40}>lead` : `lead>w${i % 40}`, kinds[i % 4]!, { task_id: `t${i % 90}` }),
  );
  const { items } = lay(messages, { capacity: 12 });
  assert.equal(
    items.reduce((sum, item) => sum + (item.type === "message" ? item.count : 0), 0),
    10_000,
  );
});

test("a name keeps what tells it apart, and parts where its words do", () => {
  assert.equal(cutName("orchestrator", 9, 3), "orchestr…");
  assert.equal(cutName("orchestrator qz8vn7", 13), "orches…qz8vn7");
  assert.equal(cutName("orchestrator qz8vn7", 5), "o…vn7");
  assert.equal(cutName("reviewer", 9), "reviewer");
  assert.deepEqual(inLines("code-worker-12", 9, 2), ["code-", "worker-12"]);
  assert.deepEqual(inLines("orchestrator qz8vn7", 9, 2, 13), ["orchestr…", "qz8vn7"]);
  assert.deepEqual(inLines("orchestrator", 9, 2, 0), ["orchestr…"]);
});

test("a name cut to any length has that length, and no two stumps where its end is short", () => {
  for (const name of [
    "code-worker-12",
    "orchestrator qz8vn7",
    "Investigate wasm size reduction 2",
    "日本語の長い名前のエージェント",
  ])
    for (let length = 3; length < 40; length++) {
      const cut = cutName(name, length);
      assert.ok([...cut].length <= length, `${cut} is longer than ${length}`);
      if (length >= 12 && /\w$/.test(name)) assert.ok(cut.endsWith(/\w+$/.exec(name)![0].slice(-6)), cut);
    }
});
