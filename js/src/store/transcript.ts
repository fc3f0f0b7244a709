// A conversation in the browser: entries in their order, put together from pages. An entry told again replaces
// the earlier one, since a call is told when it is made and once more when it has returned.
import type { ToolCallsRow } from "./tables.ts";

interface Told {
  readonly id: string;
  readonly at: number;
}

export interface Said extends Told {
  readonly kind: "prompt" | "reply" | "thinking";
  readonly sender?: string | null;
  /** null: the model keeps its thinking to itself. */
  readonly text: string | null;
}

export interface Tool extends Told {
  readonly kind: "tool";
  readonly name: string | null;
  readonly input: unknown;
  readonly output: unknown;
  readonly diff: string | null;
  readonly status: ToolCallsRow["status"];
  readonly duration_ms: number | null;
  readonly error: unknown;
  readonly files: readonly string[];
  readonly child: string | null;
  readonly asks: unknown;
}

export interface Plan extends Told {
  readonly kind: "plan";
  readonly todos: readonly { readonly id: string; readonly title: string | null; readonly status: string | null }[];
}

interface Answer extends Told {
  readonly kind: "answer";
  readonly sender: string | null;
  readonly text: string | null;
  readonly failed: boolean | null;
}

interface End extends Told {
  readonly kind: "end";
  readonly how: string | null;
  readonly text: string | null;
}

export type Entry = Said | Tool | Plan | Answer | End;

export interface Page {
  readonly entries: readonly Entry[];
  readonly before: string | null;
  readonly after: string | null;
}

/** What is known of a conversation: everything from some entry on to the newest. The same shape as a page. */
export type Talk = Page;

/** Ids are unique among entries of one kind. */
export const keyOf = (entry: Entry): string => `${entry.kind} ${entry.id}`;

/** With the page before it. What is known already was told later, and counts. */
export function withEarlier(talk: Talk, page: Page): Talk {
  const known = new Set(talk.entries.map(keyOf));
  const fresh = page.entries.filter((entry) => !known.has(keyOf(entry)));
  return { entries: [...fresh, ...talk.entries], before: page.before, after: talk.after };
}

/** With what came since. */
export function withLater(talk: Talk, page: Page): Talk {
  // More came than one page holds: what lies between is not known, so the conversation begins anew there.
  if (page.before !== null) return page;
  const after = page.after ?? talk.after;
  if (page.entries.length === 0) return after === talk.after ? talk : { ...talk, after };
  const told = new Map(page.entries.map((entry) => [keyOf(entry), entry]));
  const entries = talk.entries.map((entry) => {
    const key = keyOf(entry);
    const again = told.get(key);
    told.delete(key);
    return again ?? entry;
  });
  return { entries: [...entries, ...told.values()], before: talk.before, after };
}

/** As it was at a moment: later entries are not there yet, a call that went on then has no result. */
export function asOf(entries: readonly Entry[], at: number): readonly Entry[] {
  return entries.flatMap((entry) => {
    if (entry.at > at) return [];
    if (entry.kind !== "tool" || entry.duration_ms === null || entry.at + entry.duration_ms <= at) return [entry];
    return [{ ...entry, status: "running" as const, duration_ms: null, output: null, error: null, files: [] }];
  });
}

/** How many entries follow the one with this key; none if it is not known. */
export function countAfter(entries: readonly Entry[], key: string | null): number {
  if (key === null) return 0;
  for (let i = entries.length - 1; i >= 0; i--) if (keyOf(entries[i]!) === key) return entries.length - 1 - i;
  return 0;
}
