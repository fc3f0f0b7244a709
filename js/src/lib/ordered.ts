// Grouping rows by a key, and binary search in rows that are in order of time.

/** Add to the list of a key. */
export function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

type TimeOf<R> = (row: R) => number | null;

/** Key → its rows, oldest first; rows without key or time are left out. */
export function groupedByTime<R>(rows: Iterable<R>, key: (row: R) => string | null, at: TimeOf<R>): Map<string, R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    const name = key(row);
    if (name !== null && at(row) !== null) append(groups, name, row);
  }
  for (const group of groups.values()) sortByTime(group, at);
  return groups;
}

/** Sort in place. Rows mostly arrive in order already, and looking is cheaper than sorting. */
export function sortByTime<R>(rows: R[], at: TimeOf<R>): R[] {
  const time = (row: R): number => at(row) ?? 0;
  for (let i = 1; i < rows.length; i++) {
    if (time(rows[i]!) < time(rows[i - 1]!)) return rows.sort((a, b) => time(a) - time(b));
  }
  return rows;
}

/** The first index whose time is at or after `time`, in rows sorted by time. */
export function lowerBound<R>(rows: readonly R[], time: number, at: (row: R) => number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(rows[middle]!) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last of rows in order that is not after a time. */
export function lastBefore<R>(
  rows: readonly R[] | undefined,
  at: number,
  time: (row: R) => number | null,
): R | undefined {
  if (rows === undefined) return undefined;
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(rows[middle]!)! <= at) low = middle + 1;
    else high = middle;
  }
  return rows[low - 1];
}
