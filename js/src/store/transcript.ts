// The entries of a conversation in their order, put together from pages. An entry that comes again replaces the
// earlier one: a call comes when it is made and once more when it has returned.
import type { ToolCallsRow } from "./tables.ts";

interface Base {
  readonly id: string;
  readonly at: number;
}

interface Text extends Base {
  readonly kind: "prompt" | "reply" | "thinking";
  readonly sender?: string | null;
  /** null: the model keeps its thinking to itself. */
  readonly text: string | null;
}

export interface Tool extends Base {
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

export interface Plan extends Base {
  readonly kind: "plan";
  readonly todos: readonly { readonly id: string; readonly title: string | null; readonly status: string | null }[];
}

interface Answer extends Base {
  readonly kind: "answer";
  readonly sender: string | null;
  readonly text: string | null;
  readonly failed: boolean | null;
}

interface End extends Base {
  readonly kind: "end";
  readonly how: string | null;
  readonly text: string | null;
}

export type Entry = Text | Tool | Plan | Answer | End;

export interface Page {
  readonly entries: readonly Entry[];
  readonly before: string | null;
  readonly after: string | null;
}

/** What is known of a conversation: everything from some entry on to the newest, or to `after`. */
export interface Talk extends Page {
  /** Whether later entries are not read yet: it was opened in the middle. */
  readonly ahead?: boolean;
}

/** Ids are unique among entries of one kind. */
export const keyOf = (entry: Entry): string => `${entry.kind} ${entry.id}`;

/** With the page before it. Entries that are known already are newer, and stay. */
export function withEarlier(talk: Talk, page: Page): Talk {
  const known = new Set(talk.entries.map(keyOf));
  const fresh = page.entries.filter((entry) => !known.has(keyOf(entry)));
  return { entries: [...fresh, ...talk.entries], before: page.before, after: talk.after, ahead: talk.ahead ?? false };
}

/** With what came since. */
export function withLater(talk: Talk, page: Page): Talk {
  // More came than one page holds: what lies between is not known, so the conversation begins anew there.
  if (page.before !== null) return page;
  const after = page.after ?? talk.after;
  if (page.entries.length === 0) return after === talk.after ? talk : { ...talk, after };
  const updates = new Map(page.entries.map((entry) => [keyOf(entry), entry]));
  const entries = talk.entries.map((entry) => {
    const key = keyOf(entry);
    const update = updates.get(key);
    updates.delete(key);
    return update ?? entry;
  });
  return { entries: [...entries, ...updates.values()], before: talk.before, after };
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
