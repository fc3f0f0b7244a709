// Searching everything that agents left, by the server in portions; in a saved page the rows that it holds.
import { type ReadonlySignal, signal } from "@preact/signals";
import { joined } from "../lib/search.ts";
import type { Shown } from "../store/store.ts";
import { TABLE_OF } from "../store/tables.ts";
import type { Ask } from "./ask.ts";

export interface Hit {
  readonly at: number | null;
  readonly agent_id: string | null;
  readonly session_id: string | null;
  readonly place: string;
  readonly snippet: string;
  readonly entry: string;
  readonly position: string | null;
}

/** `nth` to come: the same for as long as it is shown. */
export interface FoundHit extends Hit {
  readonly nth: number;
}

interface Portion {
  readonly hits: readonly Hit[];
  readonly cursor: string | null;
  readonly bytes: number;
  readonly total: number;
}

export interface Found {
  readonly text: string;
  /** The newest first: they come file after file, and an older hit of a file that changed last may come before. */
  readonly hits: readonly FoundHit[];
  readonly bytes: number;
  readonly total: number;
  /** running; all: everything was looked through; enough: more may be there; failed. */
  readonly state: "running" | "all" | "enough" | "failed";
  readonly message?: string;
}

const TEXTS: readonly (readonly [string, readonly string[]])[] = [
  ["task", ["title", "description", "notes"]],
  ["message", ["text"]],
  ["memory", ["title", "text"]],
  ["log", ["text"]],
  ["quality", ["subject", "notes"]],
  ["tool call", ["name", "input", "output", "error"]],
  ["session title", ["title"]],
  ["agent name", ["name"]],
];

/** Hits in one portion, and in a list that is still read. */
const PORTION = 50;
const ENOUGH = 300;
const AROUND = 60;

export class Everything {
  /** null: nothing was searched for. */
  readonly found: ReadonlySignal<Found | null>;
  readonly #found = signal<Found | null>(null);
  readonly #ask: Ask | null;
  readonly #store: Shown;
  #cursor: string | null = null;

  constructor(ask: Ask | null, store: Shown) {
    this.#ask = ask;
    this.#store = store;
    this.found = this.#found;
  }

  /** Search for this, unless it was searched for. */
  async start(text: string): Promise<void> {
    const before = this.#found.peek();
    if (before?.text === text && before.state !== "failed") return;
    this.stop();
    const begun: Found = { text, hits: [], bytes: 0, total: 0, state: "running" };
    this.#found.value = begun;
    if (this.#ask === null) {
      this.#found.value = { ...begun, hits: numbered([], inRows(this.#store, text)), state: "all" };
      return;
    }
    await this.#goOn({ text, limit: PORTION });
  }

  /** Search on for as many hits again. */
  async more(): Promise<void> {
    const found = this.#found.peek();
    if (found?.state !== "enough" || this.#cursor === null) return;
    this.#found.value = { ...found, state: "running" };
    await this.#goOn({ cursor: this.#cursor, limit: PORTION });
  }

  /** Search no further for now: nobody looks at it. */
  pause(): void {
    const found = this.#found.peek();
    if (found?.state === "running") this.stop();
  }

  /** Search no further, and forget what was found. */
  stop(): void {
    const cursor = this.#cursor;
    this.#cursor = null;
    this.#found.value = null;
    if (cursor !== null) this.#ask?.("search", { cursor, end: true }).catch(() => {});
  }

  async #goOn(params: Readonly<Record<string, unknown>>): Promise<void> {
    const own = this.#found.peek()!.text;
    const enough = this.#found.peek()!.hits.length + ENOUGH;
    for (let next = params; ; ) {
      let portion: Portion;
      try {
        portion = await this.#ask!<Portion>("search", next);
      } catch (error) {
        const found = this.#found.peek();
        const message = error instanceof Error ? error.message : String(error);
        if (found?.text === own) this.#found.value = { ...found, state: "failed", message };
        return;
      }
      const found = this.#found.peek();
      if (found?.text !== own || found.state !== "running") {
        if (portion.cursor !== null) this.#ask!("search", { cursor: portion.cursor, end: true }).catch(() => {});
        return;
      }
      const hits = numbered(found.hits, portion.hits);
      this.#cursor = portion.cursor;
      const state = portion.cursor === null ? "all" : hits.length >= enough ? "enough" : "running";
      this.#found.value = { text: own, hits, bytes: portion.bytes, total: portion.total, state };
      if (portion.cursor === null || state !== "running") return;
      next = { cursor: portion.cursor, limit: PORTION };
    }
  }
}

/** With what came now in its place; what has no time is last. */
function numbered(before: readonly FoundHit[], hits: readonly Hit[]): readonly FoundHit[] {
  const more = hits.map((hit, i) => ({ ...hit, nth: before.length + i }));
  return [...before, ...more].sort((a, b) => (b.at ?? 0) - (a.at ?? 0) || a.nth - b.nth);
}

/** The hits in the rows that are here. */
function inRows(store: Shown, text: string): readonly Hit[] {
  const phrase = text
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (phrase[0] === "") return [];
  const pattern = new RegExp(phrase.join("\\s+"), "i");
  const hits: Hit[] = [];
  for (const [place, columns] of TEXTS) {
    const rows = store.tables[TABLE_OF[place]!].rows.values() as Iterable<unknown>;
    for (const row of rows as Iterable<Readonly<Record<string, string | number | null>>>) {
      const own = joined(...columns.map((column) => row[column]));
      const match = pattern.exec(own);
      if (match === null) continue;
      const start = Math.max(0, match.index - AROUND);
      const snippet = `${start > 0 ? "…" : ""}${own.slice(start, match.index + match[0].length + 2 * AROUND)}`;
      const of = (...names: string[]) => names.map((name) => row[name]).find((value) => value != null) ?? null;
      hits.push({
        at: of("at", "updated_at", "last_seen_at", "created_at", "started_at") as number | null,
        agent_id: (place === "agent name" ? row["id"] : of("agent_id", "sender", "owner", "assessor")) as string | null,
        session_id: of("session_id") as string | null,
        place,
        snippet: snippet.replace(/\s+/g, " "),
        entry: String(row["id"]),
        position: null,
      });
    }
  }
  return hits.sort((a, b) => (b.at ?? 0) - (a.at ?? 0)).slice(0, ENOUGH);
}
