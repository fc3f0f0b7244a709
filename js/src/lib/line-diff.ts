// What changed between two texts, line by line: the longest common subsequence, with lines around each change.
import type { DiffLine } from "./diff.ts";
import { plural } from "./format.ts";

export interface Diff {
  readonly lines: readonly DiffLine[];
  readonly added: number;
  readonly removed: number;
}

/** Lines that are the same and shown around a change. */
const AROUND = 2;

/** Maximum comparisons; beyond, the changed stretch is shown as a whole: removed, then added. */
const MOST_COMPARISONS = 400_000;

export function lineDiff(before: string, after: string): Diff {
  const old = before.split("\n");
  const now = after.split("\n");
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const middle = changes(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  const lines = [...old.slice(0, head).map(same), ...middle, ...old.slice(old.length - tail).map(same)];
  return {
    lines: shortened(lines),
    added: middle.filter(({ kind }) => kind === "added").length,
    removed: middle.filter(({ kind }) => kind === "removed").length,
  };
}

const line =
  (kind: DiffLine["kind"]) =>
  (text: string): DiffLine => ({ kind, text });
const same = line("same");
const added = line("added");
const removed = line("removed");

function changes(old: readonly string[], now: readonly string[]): DiffLine[] {
  if (old.length * now.length > MOST_COMPARISONS) return [...old.map(removed), ...now.map(added)];
  const width = now.length + 1;
  // lengths[i, j]: of the longest common subsequence of what begins at i and at j
  const lengths = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      lengths[i * width + j] =
        old[i] === now[j]
          ? lengths[(i + 1) * width + j + 1]! + 1
          : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push(same(old[i]!));
      i++;
      j++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) lines.push(removed(old[i++]!));
    else lines.push(added(now[j++]!));
  }
  return [...lines, ...old.slice(i).map(removed), ...now.slice(j).map(added)];
}

/** Same lines far from any change become one that counts them. */
function shortened(lines: readonly DiffLine[]): readonly DiffLine[] {
  const near = new Uint8Array(lines.length);
  lines.forEach(({ kind }, at) => {
    if (kind !== "same") near.fill(1, Math.max(0, at - AROUND), at + AROUND + 1);
  });
  const short: DiffLine[] = [];
  for (let at = 0; at < lines.length; ) {
    let end = at;
    while (end < lines.length && near[end] === 0) end++;
    if (end - at > 1) short.push({ kind: "gap", text: plural(end - at, "line") });
    else if (end > at) short.push(lines[at]!);
    if (end < lines.length) short.push(lines[end]!);
    at = end + 1;
  }
  return short;
}
