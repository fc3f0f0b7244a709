// Matching rows against what was typed: every word has to occur, in any case; or a /regular expression/.

const haystacks = new WeakMap<object, string>();

const REGEX = /^\/(.+)\/([a-z]*)$/s;

/** What was typed as `/a regular expression/`; null if it is none, or none yet. */
export function patternOf(query: string): RegExp | null {
  const [, source, flags] = REGEX.exec(query.trim()) ?? [];
  if (source === undefined) return null;
  try {
    return new RegExp(source, flags === "" ? "im" : flags!.replace(/[gy]/g, ""));
  } catch {
    return null;
  }
}

/** Why what looks like a regular expression is none. */
export function patternProblem(query: string): string | null {
  if (!REGEX.test(query.trim()) || patternOf(query) !== null) return null;
  return "not a regular expression: searched for as it stands";
}

/** What to mark in a text that was found; null for nothing. */
export function finder(query: string): RegExp | null {
  const pattern = patternOf(query);
  if (pattern !== null) return new RegExp(pattern.source, `${pattern.flags}g`);
  const words = query.split(/\s+/).filter(Boolean);
  return words.length === 0
    ? null
    : new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
}

/** A predicate over rows; `text`: what of a row is searched. A changed row is a new object, so texts are kept. */
export function matcher<R extends object>(query: string, text: (row: R) => string): (row: R) => boolean {
  const pattern = patternOf(query);
  if (pattern !== null) return (row) => pattern.test(text(row));
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

interface Stretch {
  readonly text: string;
  readonly found: boolean;
}

/** The text in stretches that were and were not searched for. */
export function stretches(text: string, finder: RegExp): readonly Stretch[] {
  const found: Stretch[] = [];
  let end = 0;
  for (const match of text.matchAll(finder)) {
    if (match[0] === "") continue;
    if (match.index > end) found.push({ text: text.slice(end, match.index), found: false });
    found.push({ text: match[0], found: true });
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end), found: false });
  return found;
}
