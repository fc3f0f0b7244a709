// What changed from one text to the next: lines with a sign in front, so that it can be told without colours.
import { integer, plural } from "../format.ts";
import type { Diff, DiffLine } from "../line-diff.ts";
import { visible } from "./text.tsx";

/** More lines than this nobody reads in a side column. */
const MOST_LINES = 400;

const SIGNS = { same: " ", added: "+", removed: "−", skipped: "⋯" } as const;
const SAID = { same: "", added: "added: ", removed: "removed: ", skipped: "" } as const;

export function TextChanges({ diff }: { diff: Diff }) {
  const lines = diff.lines.slice(0, MOST_LINES);
  return (
    <div class="changes mono" role="group" aria-label="What changed">
      {lines.map((line, i) => (
        <div key={i} class={`change change-${line.kind}`}>
          <span aria-hidden="true">{SIGNS[line.kind]}</span>
          <span>
            <span class="visually-hidden">{SAID[line.kind]}</span>
            {textOf(line)}
          </span>
        </div>
      ))}
      {diff.lines.length > MOST_LINES && <p class="muted">{integer(diff.lines.length - MOST_LINES)} more lines</p>}
    </div>
  );
}

const textOf = ({ kind, text, count }: DiffLine): string => (kind === "skipped" ? plural(count, "line") : visible(text));
