// What of a conversation is shown, as lines and paragraphs: runs of calls that went well are one line, each new
// day has a line, and so has what came since the reader looked.
import { type Entry, keyOf, type Tool } from "../../store/transcript.ts";

export type Only = "all" | "errors" | "tools" | "text";

export type Item =
  | {
      readonly kind: "entry";
      readonly key: string;
      readonly entry: Entry;
      /** One of an opened run. */
      readonly folded: boolean;
      /** The first one of its minute. */
      readonly timed: boolean;
    }
  | { readonly kind: "calls"; readonly key: string; readonly calls: readonly Tool[]; readonly open: boolean }
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "new"; readonly key: string };

export interface Arrangement {
  readonly only: Only;
  /** The key of the last entry the reader has seen; null: never looked. */
  readonly seen: string | null;
  /** Whether an entry, or the run it is in, has to be visible by itself. */
  readonly unfolded: (entry: Entry) => boolean;
}

const MINUTE_MS = 60_000;

/** Two lines say more than "2 tool calls". */
const FEWEST_FOLDED = 3;

/** How many of the newest calls of a run stay visible while it goes on. */
const KEPT_OPEN = 6;

export const isError = (entry: Entry): boolean =>
  (entry.kind === "tool" && (entry.status === "error" || entry.status === "denied")) ||
  (entry.kind === "answer" && entry.failed === true) ||
  (entry.kind === "end" && entry.how === "failed");

const PASSES: Readonly<Record<Only, (entry: Entry) => boolean>> = {
  all: () => true,
  errors: isError,
  tools: (entry) => entry.kind === "tool" || entry.kind === "plan",
  text: (entry) => entry.kind === "prompt" || entry.kind === "reply" || entry.kind === "answer",
};

/** Thinking without text is shown only while it is the newest entry. */
const isSilent = (entry: Entry): boolean => entry.kind === "thinking" && !entry.text;

/** What can go into a run: not who leads somewhere, asks the person, or failed. */
const isQuiet = (entry: Entry): boolean =>
  entry.kind === "thinking" || (entry.kind === "tool" && entry.status === "ok" && entry.child === null && !entry.asks);

export function arrange(entries: readonly Entry[], { only, seen, unfolded }: Arrangement): readonly Item[] {
  const last = entries.at(-1);
  const passing = entries.filter((entry) => PASSES[only](entry) && (!isSilent(entry) || entry === last));
  const items: Item[] = [];
  let day = "";
  let isNew = false;
  let minute = 0;
  const add = (entry: Entry, folded: boolean) => {
    const own = Math.floor(entry.at / MINUTE_MS);
    items.push({ kind: "entry", key: keyOf(entry), entry, folded, timed: own !== minute });
    minute = own;
  };
  const addRun = (run: readonly Entry[], newest: boolean) => {
    // The run that goes on shows what is happening; what it did before is folded behind it.
    const kept = newest ? KEPT_OPEN : 0;
    const folding = only === "all" ? run.slice(0, run.length - kept) : [];
    const calls = folding.filter((entry) => entry.kind === "tool");
    if (calls.length < FEWEST_FOLDED) {
      for (const entry of run) add(entry, false);
      return;
    }
    const open = folding.some(unfolded);
    items.push({ kind: "calls", key: `calls ${keyOf(folding.at(-1)!)}`, calls, open });
    if (open) for (const entry of folding) add(entry, true);
    for (const entry of run.slice(folding.length)) add(entry, false);
  };
  const seenAt = seen === null ? -1 : entries.findIndex((entry) => keyOf(entry) === seen);
  const firstNew = seenAt < 0 ? undefined : entries.slice(seenAt + 1).find((entry) => passing.includes(entry));
  let run: Entry[] = [];
  const flush = (newest: boolean) => {
    addRun(run, newest);
    run = [];
  };
  for (const entry of passing) {
    const today = new Date(entry.at).toDateString();
    const startsNew: boolean = !isNew && entry === firstNew;
    if (today !== day || startsNew || !isQuiet(entry)) flush(false);
    if (today !== day) items.push({ kind: "day", key: `day ${today} ${keyOf(entry)}`, at: entry.at });
    if (startsNew) items.push({ kind: "new", key: "new" });
    isNew ||= startsNew;
    day = today;
    if (isQuiet(entry)) run.push(entry);
    else add(entry, false);
  }
  flush(passing.at(-1) === last);
  return items;
}

/** "Bash 4, Read 2, Edit": the names of a run, the most frequent first. */
export function tally(calls: readonly Tool[], name: (call: Tool) => string): string {
  const counts = new Map<string, number>();
  for (const call of calls) counts.set(name(call), (counts.get(name(call)) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([tool, n]) => (n > 1 ? `${tool} ${n}` : tool))
    .join(", ");
}

/** From the first call to the last result, ms. */
export function stretch(calls: readonly Tool[]): number {
  return (
    Math.max(...calls.map((call) => call.at + (call.duration_ms ?? 0))) - Math.min(...calls.map((call) => call.at))
  );
}
