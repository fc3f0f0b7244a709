// Rows from before those that the browser holds: loaded when the reader asks, and when the time travel goes there.
import { signal } from "@preact/signals";
import type { Store } from "../store/store.ts";
import { LIMITS, type Rows, TABLE_NAMES, type TableName } from "../store/tables.ts";
import type { Ask } from "./ask.ts";

const PAGE = 2_000;
/** Pages loaded at most for one moment of the time travel. */
const PAGES = 10;

/** The column that says when a row is from, of the tables that are not held whole. */
const TIME: { readonly [T in TableName]?: "at" | "updated_at" | "started_at" } = {
  spans: "started_at",
  messages: "at",
  quality: "at",
  memory: "updated_at",
  tool_calls: "at",
  logs: "at",
  usage: "at",
};

interface Answer<T extends TableName> {
  readonly rows: readonly Rows[T][];
  readonly before: readonly [number, string] | null;
}

/** Whether the server has more rows of a table than are held. */
export function hasOlder(store: Store, table: TableName): boolean {
  return (store.counts.value[table] ?? 0) > store.tables[table].rows.size && TIME[table] !== undefined;
}

/** The time of the oldest row that is held; Infinity without any. */
export function oldestHeld(store: Store, table: TableName): number {
  const time = TIME[table];
  let oldest = Infinity;
  if (time === undefined) return oldest;
  for (const row of store.tables[table].rows.values()) {
    const at = (row as unknown as Record<string, number | null>)[time];
    if (at != null && at < oldest) oldest = at;
  }
  return oldest;
}

const loading = signal<ReadonlySet<TableName>>(new Set());
export const isLoading = (table: TableName): boolean => loading.value.has(table);

/** Load the rows before the oldest that is held, page by page until one is older than `until`; one page without it. */
export async function loadOlder(store: Store, ask: Ask, table: TableName, until = Infinity): Promise<void> {
  if (loading.peek().has(table)) return;
  loading.value = new Set([...loading.peek(), table]);
  try {
    const oldest = oldestHeld(store, table);
    let before: unknown = Number.isFinite(oldest) ? oldest + 1 : null;
    for (let page = 0; page < PAGES; page++) {
      const answer = await ask<Answer<typeof table>>("rows", {
        table,
        limit: PAGE,
        ...(before === null ? {} : { before }),
      });
      store.addOlder(table, [...answer.rows].reverse());
      before = answer.before;
      if (answer.before === null || answer.before[0] < until) break;
    }
  } finally {
    loading.value = new Set([...loading.peek()].filter((name) => name !== table));
  }
}

/** Load what the views need of a moment that lies before the rows that are held. */
export function loadMoment(store: Store, ask: Ask, at: number): void {
  for (const table of TABLE_NAMES) {
    if (LIMITS[table] === undefined || !hasOlder(store, table) || oldestHeld(store, table) <= at) continue;
    void loadOlder(store, ask, table, at).catch(() => {}); // the connection's state is in the header
  }
}
