// Matching rows against what was typed: every word has to occur, in any case.

const haystacks = new WeakMap<object, string>();

/** A predicate over rows; `text` says what of a row can be searched. A changed row is a new object, so texts are kept. */
export function matcher<R extends object>(query: string, text: (row: R) => string): (row: R) => boolean {
  const needles = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (needles.length === 0) return () => true;
  return (row) => {
    let haystack = haystacks.get(row);
    if (haystack === undefined) {
      haystack = text(row).toLowerCase();
      haystacks.set(row, haystack);
    }
    return needles.every((needle) => haystack.includes(needle));
  };
}

/** The searchable text of some cells. */
export function joined(...cells: readonly (string | number | null | undefined)[]): string {
  return cells.filter((cell) => cell !== null && cell !== undefined).join("\n");
}
