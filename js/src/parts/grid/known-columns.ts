// Leaves out columns that are unknown in every row.
import type { Column } from "./types.ts";

/** `rank` 0 never goes: it is what the rows are about. */
export function knownColumns<R>(columns: readonly Column<R>[], rows: readonly R[]): readonly Column<R>[] {
  return columns.filter(
    ({ rank, value }) => !rank || value === undefined || rows.length === 0 || rows.some((row) => value(row) !== null),
  );
}
