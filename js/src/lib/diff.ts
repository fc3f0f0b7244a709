// A unified diff, or a patch as agents write it, line by line.

export interface DiffLine {
  readonly kind: "added" | "removed" | "same" | "file" | "gap";
  readonly text: string;
}

const FILE = /^(\+\+\+ |--- |diff --git |index |\*\*\* )/;

/** `---` and `+++` name a file only in front of a hunk: inside one they are changed lines. */
export function diffLines(diff: string): readonly DiffLine[] {
  const lines = diff.split("\n");
  const found: DiffLine[] = [];
  lines.forEach((line, i) => {
    const next = lines[i + 1] ?? "";
    const named =
      FILE.test(line) &&
      (!/^(---|\+\+\+) /.test(line) ||
        /^\+\+\+ /.test(next) ||
        (/^--- /.test(lines[i - 1] ?? "") && line.startsWith("+++ ")));
    if (named) {
      // The old and the new name are nearly always the same one.
      if (/^(\+\+\+ |\*\*\* [A-Z][a-z]+ File: )/.test(line))
        found.push({ kind: "file", text: line.replace(/^(\+\+\+|\*\*\* [A-Z][a-z]+ File:) /, "") });
    } else if (line.startsWith("@@")) found.push({ kind: "gap", text: line.replace(/^@@\s?|\s?@@$/g, "").trim() });
    else if (line.startsWith("+")) found.push({ kind: "added", text: line.slice(1) });
    else if (line.startsWith("-")) found.push({ kind: "removed", text: line.slice(1) });
    else if (!line.startsWith("\\")) found.push({ kind: "same", text: line.slice(1) });
  });
  return found;
}

const sizes = new Map<string, { added: number; removed: number }>();

/** How many lines came and went. */
export function diffSize(diff: string): { readonly added: number; readonly removed: number } {
  const known = sizes.get(diff);
  if (known !== undefined) return known;
  const size = { added: 0, removed: 0 };
  for (const { kind } of diffLines(diff)) if (kind === "added" || kind === "removed") size[kind]++;
  if (sizes.size > 500) sizes.clear();
  sizes.set(diff, size);
  return size;
}
