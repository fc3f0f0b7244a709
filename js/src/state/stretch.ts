// The stretch of time that all tables are narrowed to, and the rows of it: the same in every view.
import { useComputed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { type Bounds, boundsOf, isWithin } from "../lib/stretch.ts";
import { LIMITS, type TableName } from "../store/tables.ts";
import { useApp } from "./context.ts";
import { hasOlder, loadOlder, oldestHeld } from "./older.ts";

/** The bounds, the same object while they are the same; null: of any time. */
export function useBounds(): Bounds | null {
  const { store, nav } = useApp();
  const key = useComputed(() => {
    const stretch = nav.stretch.value;
    if (stretch === null) return "";
    const { from, to } = boundsOf(stretch, store.now.value);
    return `${from} ${to}`;
  }).value;
  return useMemo(() => {
    const [from, to] = key.split(" ").map(Number);
    return key === "" ? null : { from: from!, to: to! };
  }, [key]);
}

/** The rows within the stretch; all of them without one. */
export function useWithin<R extends object>(rows: readonly R[]): readonly R[] {
  const bounds = useBounds();
  return useMemo(() => (bounds === null ? rows : rows.filter((row) => isWithin(row, bounds))), [rows, bounds]);
}

/** Load the rows of a table that the stretch begins with, if they are older than those held. */
export function useStretchOf(table: TableName): void {
  const { store, live, ask } = useApp();
  const from = useBounds()?.from ?? Infinity;
  const known = (live.counts.value[table] ?? 0) > 0;
  useEffect(() => {
    if (ask === null || store !== live || LIMITS[table] === undefined || live.connection.peek().state === "saved")
      return;
    if (hasOlder(live, table) && oldestHeld(live, table) > from) void loadOlder(live, ask, table, from).catch(() => {});
  }, [table, from, known, ask]);
}
