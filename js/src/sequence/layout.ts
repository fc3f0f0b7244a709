// The sequence as rows of one height: messages and runs of similar ones, silences, and heads where an agent takes
// over a lane; beside them the stretches of work on the lanes.
import { EVERYONE } from "../lib/names.ts";
import type { Agent, Message } from "../store/events.ts";
import { assignLanes, type Ends, type Lanes, type Stay, type Way } from "./lanes.ts";
import { isWork, type Pairs, type Standing, workerOn } from "./pairs.ts";

export interface MessageItem {
  readonly type: "message";
  readonly id: string;
  readonly message: Message;
  /** How many it stands for; the first of them is `message`. */
  readonly count: number;
  /** The last of a run. */
  readonly until: number | null;
  /** The run it is in, folded or not. */
  readonly run: string | null;
  readonly folded: boolean;
  readonly way: Way;
}

export interface PauseItem {
  readonly type: "pause";
  readonly id: string;
  /** How long there was no message, ms; null where only the day changes. */
  readonly ms: number | null;
  /** When the day that begins here, if one does. */
  readonly day: number | null;
}

export interface HeadsItem {
  readonly type: "heads";
  readonly id: string;
  readonly heads: readonly { readonly id: string; readonly lane: number }[];
}

export type FlowItem = MessageItem | PauseItem | HeadsItem;

/** From one row to another, both counted. */
export interface Stretch {
  readonly id: string;
  readonly lane: number;
  readonly from: number;
  readonly to: number;
}

interface Work extends Stretch {
  /** How many other stretches of work of the agent it lies in. */
  readonly depth: number;
  /** How it is going; null when it is over. */
  readonly status: string | null;
}

export interface Flow {
  readonly items: readonly FlowItem[];
  readonly lanes: Lanes;
  /** The agents on the lanes, by rows. */
  readonly lives: readonly Stretch[];
  readonly works: readonly Work[];
}

interface Given {
  /** In the order of time. */
  readonly messages: readonly Message[];
  readonly pairs: Pairs;
  readonly agents: ReadonlyMap<string, Agent>;
  /** How many lanes there is room for. */
  readonly capacity: number;
  readonly standing: (message: Message) => Standing;
  readonly isUnfolded: (run: string) => boolean;
  /** The selected message is never hidden in a run. */
  readonly selected: string | null;
}

/** Similar messages in a row are one when each came this soon after the one before, ms. */
const RUN_MS = 2 * 60_000;
const LEAST_RUN = 3;

const PAUSES_MS = [5, 15, 60, 6 * 60, 24 * 60].map((minutes) => minutes * 60_000);

/** How far to look ahead for agents that can be introduced in the same row. */
const HEADS_AHEAD = 10;

export const senderOf = (message: Message): string => message.sender ?? "";
export const recipientOf = (message: Message): string => message.recipient ?? EVERYONE;

/** Before the lanes are known. */
type Entry = Omit<MessageItem, "way"> | PauseItem;

export function layFlow(given: Given): Flow {
  const entries = collapse(given);
  const lanes = assignLanes(endsOf(entries, given), given.agents, given.capacity);
  const ready = entries.map((entry, i) => (entry.type === "message" ? { ...entry, way: lanes.ways[i]! } : entry));
  const { items, lives } = lanes.shared ? withHeads(ready, lanes) : { items: ready, lives: wholeLives(lanes) };
  return { items, lanes, lives, works: worksOf(items, lanes, given) };
}

function endsOf(entries: readonly Entry[], given: Given): readonly (Ends | null)[] {
  const entryOf = new Map<string, number>();
  for (const [i, entry] of entries.entries()) if (entry.type === "message") entryOf.set(entry.message.id, i);
  return entries.map((entry) => {
    if (entry.type !== "message") return null;
    const { message } = entry;
    const answer = given.pairs.answerTo.get(message.id);
    const until =
      answer !== undefined ? entryOf.get(answer.id) : given.standing(message) === "working" ? Infinity : undefined;
    const work = until === undefined || !isWork(message) ? null : { worker: workerOn(message) ?? "", until };
    return { sender: senderOf(message), recipient: recipientOf(message), work };
  });
}

/** What is worth a row: messages, runs of at least three, silences and new days. */
function collapse({ messages, pairs, standing, isUnfolded, selected }: Given): Entry[] {
  const pauseMs = pauseOf(messages);
  // The ends of a stretch of work, and what somebody waits for, are never folded away.
  const single = (message: Message): boolean => {
    const asked = pairs.answered.get(message.id);
    const given = isWork(message) && pairs.answerTo.has(message.id);
    return given || (asked !== undefined && isWork(asked)) || standing(message) !== null;
  };
  const items: Entry[] = [];
  let before: number | null = null;
  let day = "";
  for (let i = 0; i < messages.length; ) {
    const first = messages[i]!;
    const at: number = first.at ?? before ?? 0;
    const silent = before !== null && at - before >= pauseMs ? at - before : null;
    const date = new Date(at).toDateString();
    if (silent !== null || date !== day) {
      items.push({ type: "pause", id: `pause ${first.id}`, ms: silent, day: date === day ? null : at });
      day = date;
    }
    let end = i + 1;
    if (!single(first)) {
      while (end < messages.length && isSimilar(messages[end - 1]!, messages[end]!) && !single(messages[end]!)) end++;
    }
    const members = messages.slice(i, end);
    const isRun = members.length >= LEAST_RUN;
    const run = isRun ? first.id : null;
    const until = members[members.length - 1]!.at;
    if (isRun && !isUnfolded(first.id) && !members.some(({ id }) => id === selected)) {
      items.push({ type: "message", id: first.id, message: first, count: members.length, until, run, folded: true });
    } else {
      members.forEach((message, k) => {
        const count = isRun && k === 0 ? members.length : 1;
        items.push({ type: "message", id: message.id, message, count, until: null, run, folded: false });
      });
    }
    before = until ?? at;
    i = end;
  }
  return items;
}

function isSimilar(a: Message, b: Message): boolean {
  return (
    a.sender === b.sender &&
    a.recipient === b.recipient &&
    a.kind === b.kind &&
    (b.at ?? 0) - (a.at ?? 0) <= RUN_MS &&
    new Date(a.at ?? 0).getDate() === new Date(b.at ?? 0).getDate()
  );
}

/** A silence is one that is long for these messages: in sparse ones minutes are no news. */
function pauseOf(messages: readonly Message[]): number {
  const gaps: number[] = [];
  for (let i = 1; i < messages.length; i++) gaps.push((messages[i]!.at ?? 0) - (messages[i - 1]!.at ?? 0));
  const usual = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? 0;
  return PAUSES_MS.find((ms) => ms >= 3 * usual) ?? PAUSES_MS.at(-1)!;
}

function wholeLives({ stays }: Lanes): readonly Stretch[] {
  return stays.map(({ id, lane }) => ({ id, lane, from: 0, to: Infinity }));
}

/** Before somebody's first message on a lane that was another's, a row with the name. */
function withHeads(
  entries: readonly (MessageItem | PauseItem)[],
  { stays, count, others }: Lanes,
): Pick<Flow, "items" | "lives"> {
  const items: FlowItem[] = [];
  const rows: number[] = [];
  const lives: Stretch[] = [];
  const starts = stays.toSorted((a, b) => a.first - b.first);
  const freeAt = new Map<number, number>(); // lane → the last entry of who had it
  const begins = new Map<Stay, number>();
  let next = 0;
  entries.forEach((entry, i) => {
    const heads: { id: string; lane: number }[] = [];
    while (next < starts.length) {
      const stay = starts[next]!;
      const { id, lane, first, last } = stay;
      const had = freeAt.get(lane);
      const due = first <= i;
      // Ahead of time only in company, and only on a lane that is free by now.
      if (!due && (heads.length === 0 || first > i + HEADS_AHEAD || (had !== undefined && had >= i))) break;
      if (had !== undefined) heads.push({ id, lane });
      freeAt.set(lane, last);
      begins.set(stay, had === undefined ? 0 : items.length);
      next++;
    }
    if (heads.length > 0) items.push({ type: "heads", id: `heads ${entry.id}`, heads });
    rows.push(items.length);
    items.push(entry);
  });
  for (const stay of starts) {
    const { id, lane, last } = stay;
    lives.push({ id, lane, from: begins.get(stay)!, to: rows[last] ?? Infinity });
  }
  if (others.length > 0) lives.push({ id: EVERYONE, lane: count - 1, from: 0, to: Infinity });
  return { items, lives };
}

function worksOf(items: readonly FlowItem[], { count, others }: Lanes, given: Given): Work[] {
  const rowOf = new Map<string, number>();
  for (const [row, item] of items.entries()) if (item.type === "message") rowOf.set(item.message.id, row);
  const crowd = others.length > 0 ? count - 1 : -1;
  const until = new Map<string, number[]>(); // agent → where its stretches of work end, by depth
  const works: Work[] = [];
  items.forEach((item, from) => {
    if (item.type !== "message" || !isWork(item.message)) return;
    const answer = given.pairs.answerTo.get(item.message.id);
    if (answer === undefined && given.standing(item.message) !== "working") return;
    const worker = workerOn(item.message) ?? "";
    const status = answer === undefined ? (given.agents.get(worker)?.status ?? null) : null;
    const lane = worker === senderOf(item.message) ? item.way.from : item.way.to;
    const to = answer === undefined ? items.length : rowOf.get(answer.id);
    if (to === undefined || lane === crowd) return;
    const ends = until.get(worker) ?? [];
    const free = ends.findIndex((row) => row <= from);
    const depth = free < 0 ? ends.length : free;
    ends[depth] = to;
    until.set(worker, ends);
    works.push({ id: item.message.id, lane, from, to, depth, status });
  });
  return works;
}
