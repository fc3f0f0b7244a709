// Ordering rows by one value each; unknown comes last in either direction.
export type SortValue = string | number | null;

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(String(a), String(b));
}

export function sortedBy<R>(rows: readonly R[], value: (row: R) => SortValue, descending: boolean): R[] {
  const keyed = rows.map((row) => ({ row, key: value(row) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return Number(a.key === null) - Number(b.key === null);
    return sign * compare(a.key, b.key);
  });
  return keyed.map(({ row }) => row);
}

/** Newest first. Rows come in about the order of time, which makes this cheap. */
export function newestFirst<R>(rows: readonly R[], at: (row: R) => number | null): R[] {
  return rows.toSorted((a, b) => (at(a) ?? 0) - (at(b) ?? 0)).reverse();
}
