// The lines of a diff: a sign in front of each changed line, and a tint.
import { useMemo, useState } from "preact/hooks";
import { type DiffLine, diffLines, diffSize } from "../lib/diff.ts";
import { integer, plural } from "../lib/format.ts";
import { visible } from "../lib/text.ts";
import { Marked } from "./highlight.tsx";

const LINES = 24;
const SIGNS = { added: "+", removed: "−", same: " ", file: "", gap: "⋯" } as const;
const NAMES = { added: "added", removed: "removed", same: "", file: "", gap: "" } as const;

/** A unified diff, or a patch. */
export function Diff({ diff, whole = false }: { diff: string; whole?: boolean }) {
  const lines = useMemo(() => {
    const parsed = diffLines(visible(diff));
    const files = parsed.filter((line) => line.kind === "file");
    // One file is named by the call itself; a gap in front of everything parts nothing.
    const kept = files.length > 1 ? parsed : parsed.filter((line) => line.kind !== "file");
    return kept[0]?.kind === "gap" && kept[0].text === "" ? kept.slice(1) : kept;
  }, [diff]);
  return <DiffLines lines={lines} whole={whole} />;
}

export function DiffLines({ lines, whole = false }: { lines: readonly DiffLine[]; whole?: boolean }) {
  const [all, showAll] = useState(false);
  const clipped = !whole && lines.length > LINES * 1.25;
  return (
    <>
      <div class="diff mono-block" role="group" aria-label="what it changes">
        {(clipped && !all ? lines.slice(0, LINES) : lines).map(({ kind, text }, i) => (
          <div key={i} class={`diff-line diff-${kind}`}>
            <span class="diff-sign" aria-label={NAMES[kind]}>
              {SIGNS[kind]}
            </span>
            <span>
              <Marked text={text} />
            </span>
          </div>
        ))}
      </div>
      {clipped && (
        <button type="button" class="link clip-more" aria-expanded={all} onClick={() => showAll(!all)}>
          {all ? "show less" : `show all ${integer(lines.length)} lines`}
        </button>
      )}
    </>
  );
}

/** How many lines a diff adds and removes. */
export function DiffSize({ diff }: { diff: string }) {
  const { added, removed } = diffSize(diff);
  return (
    <span class="figures diff-size" title={`${plural(added, "line")} added, ${integer(removed)} removed`}>
      {added > 0 && <span class="ink-done">+{integer(added)}</span>}{" "}
      {removed > 0 && <span class="ink-failed">−{integer(removed)}</span>}
    </span>
  );
}
