// Earlier texts of memory entries: the table has only their latest text, so the changes that arrive while the page
// is open are kept here, the last few of each entry. Bounded, and at work only when the memory table changed.
import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { Store } from "./store.ts";
import { type MemoryRow, PREVIEW_CHARS } from "./tables.ts";

/** Versions kept of one entry, and entries of which any are kept; the oldest go. */
const MOST_VERSIONS = 20;
const MOST_ENTRIES = 500;

/** An empty text that is filled again so soon was a file caught between being emptied and being written. */
const TORN_MS = 1_000;

export interface MemoryVersion {
  readonly version: string;
  /** When it arrived; null: it was there when the page was opened. */
  readonly seenAt: number | null;
  readonly text: string;
  /** Whether `text` is all of it; else its first characters, as the table has them. */
  readonly whole: boolean;
  readonly truncated: boolean;
}

export interface MemoryHistory {
  /** Whether the entry came while the page was open. */
  readonly isNew: boolean;
  /** How often it changed since, also of versions that are no longer kept. */
  readonly changes: number;
  /** Oldest first; the last is the present one. */
  readonly versions: readonly MemoryVersion[];
}

/** The whole text of an entry, from the server (`memory` in methods.py). */
export interface WholeText {
  readonly text: string;
  readonly version: string;
  readonly truncated: boolean;
}

const versionOf = (row: MemoryRow): string => row.version ?? row.text ?? "";

export class MemoryVersions {
  /** Bumped when any history changed. */
  readonly changed: ReadonlySignal<number>;
  readonly #changed = signal(0);
  readonly #known = new Map<string, MemoryRow>();
  readonly #histories = new Map<string, MemoryHistory>();
  /** Texts that came before the table had their version. */
  readonly #early = new Map<string, WholeText>();
  #openedAt: number | null = null;

  constructor() {
    this.changed = this.#changed;
  }

  of(id: string): MemoryHistory | undefined {
    return this.#histories.get(id);
  }

  /**
   * The table as it is now, in the order of its rows' last change. `opening`: what there is was there before
   * anybody looked, so that nothing of it is new; neither is what is older than that and was only read later.
   */
  note(rows: readonly MemoryRow[], at: number, opening = false): void {
    let noted = false;
    this.#openedAt ??= at;
    for (let i = rows.length - 1; i >= 0; i--) {
      const row = rows[i]!;
      const before = this.#known.get(row.id);
      if (before === row) break; // it and all before it are as they were
      this.#known.set(row.id, row);
      if (opening || (before !== undefined && versionOf(before) === versionOf(row))) continue;
      if (before === undefined && row.updated_at !== null && row.updated_at < this.#openedAt) continue;
      noted = true;
      if (before === undefined) this.#keep(row.id, { isNew: true, changes: 0, versions: [this.#version(row, at)] });
      else this.#follow(before, row, at);
    }
    if (noted) this.#changed.value++;
  }

  /** The whole text of a version of an entry. */
  setText(id: string, whole: WholeText): void {
    const row = this.#known.get(id);
    if (row === undefined) return;
    const history = this.#histories.get(id) ?? { isNew: false, changes: 0, versions: [this.#version(row, null)] };
    const versions = history.versions.map((version) =>
      version.version === whole.version
        ? { ...version, text: whole.text, whole: true, truncated: whole.truncated }
        : version,
    );
    if (!versions.some(({ version }) => version === whole.version)) this.#early.set(id, whole);
    this.#keep(id, { ...history, versions });
    this.#changed.value++;
  }

  #follow(before: MemoryRow, row: MemoryRow, at: number): void {
    const history = this.#histories.get(row.id) ?? {
      isNew: false,
      changes: 0,
      versions: [this.#version(before, null)],
    };
    const last = history.versions.at(-1)!;
    const torn = last.text === "" && last.seenAt !== null && at - last.seenAt < TORN_MS && history.changes > 0;
    const earlier = torn ? history.versions.slice(0, -1) : history.versions;
    const versions = [...earlier, this.#version(row, at)].slice(-MOST_VERSIONS);
    this.#keep(row.id, { ...history, changes: history.changes + (torn ? 0 : 1), versions });
  }

  #version(row: MemoryRow, seenAt: number | null): MemoryVersion {
    const version = versionOf(row);
    const whole = this.#early.get(row.id);
    if (whole?.version !== version) return { version, seenAt, text: row.text ?? "", whole: false, truncated: false };
    this.#early.delete(row.id);
    return { version, seenAt, text: whole.text, whole: true, truncated: whole.truncated };
  }

  #keep(id: string, history: MemoryHistory): void {
    this.#histories.delete(id);
    this.#histories.set(id, history);
    if (this.#histories.size <= MOST_ENTRIES) return;
    const oldest = this.#histories.keys().next().value!;
    this.#histories.delete(oldest);
    this.#early.delete(oldest);
  }
}

/** Texts cut alike, so that a whole one does not differ from a beginning by all that follows. */
export function comparable(before: MemoryVersion, after: MemoryVersion): readonly [string, string] {
  if (before.whole === after.whole) return [before.text, after.text];
  return [beginning(before.text), beginning(after.text)];
}

/** As the tables cut it. */
function beginning(text: string): string {
  return text.length <= PREVIEW_CHARS ? text : `${text.slice(0, PREVIEW_CHARS - 1)}…`;
}

const followed = new WeakMap<Store, MemoryVersions>();

/** The versions seen in a store, from the first time anybody asks for them. */
export function memoryVersions(store: Store): MemoryVersions {
  const known = followed.get(store);
  if (known !== undefined) return known;
  const versions = new MemoryVersions();
  followed.set(store, versions);
  let opening = true;
  effect(() => {
    const loaded = store.loading.value.done;
    store.tables.memory.version.value;
    versions.note(store.tables.memory.list(), store.clock(), opening);
    // the tables are published right after this; what comes with them was there too
    if (loaded && opening) queueMicrotask(() => (opening = false));
  });
  return versions;
}
