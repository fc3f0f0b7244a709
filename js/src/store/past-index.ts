// Rows grouped and in the order of a time of theirs.

/** Key → its rows, oldest first; rows without key or time are left out. */
export function indexBy<R>(
  rows: readonly R[],
  key: (row: R) => string | null,
  time: (row: R) => number | null,
): ReadonlyMap<string, readonly R[]> {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    const name = key(row);
    if (name === null || time(row) === null) continue;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  for (const group of groups.values()) group.sort((a, b) => time(a)! - time(b)!);
  return groups;
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
