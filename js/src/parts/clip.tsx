// A long text, cut until "show all" is pressed.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { integer } from "../lib/format.ts";
import { visible } from "../lib/text.ts";
import { Marked } from "./highlight.tsx";

/** About this many characters stand on a line of a narrow column. */
const LINE_CHARS = 100;

export interface Cut {
  readonly text: string;
  /** The label of "show all"; null if nothing is left out. */
  readonly more: string | null;
}

/** The first lines; a little over the limit is not worth a click. */
export function cut(text: string, lines: number): Cut {
  const all = text.split("\n");
  const slack = Math.ceil(lines / 4);
  if (all.length <= lines + slack && text.length <= (lines + slack) * LINE_CHARS) return { text, more: null };
  const beginning = all.slice(0, lines).join("\n");
  const short = beginning.length <= lines * LINE_CHARS ? beginning : `${beginning.slice(0, lines * LINE_CHARS)}…`;
  return {
    text: short,
    more: all.length > lines ? `${integer(all.length)} lines` : `${integer(text.length)} characters`,
  };
}

interface ClipProps {
  readonly text: string;
  readonly lines: number;
  /** Nothing is left out: what is searched for may be anywhere in it. */
  readonly whole?: boolean;
  readonly children: (text: string) => ComponentChildren;
}

export function Clip({ text, lines, whole = false, children }: ClipProps) {
  const [all, showAll] = useState(false);
  const { text: shown, more } = whole ? { text, more: null } : cut(text, lines);
  return (
    <>
      {children(all ? text : shown)}
      {more !== null && (
        <button type="button" class="link clip-more" aria-expanded={all} onClick={() => showAll(!all)}>
          {all ? "show less" : `show all ${more}`}
        </button>
      )}
    </>
  );
}

/** Output, code, commands: as it was, in fixed width. */
export function Mono({ text, lines = 12, whole }: { text: string; lines?: number; whole?: boolean }) {
  return (
    <Clip text={visible(text).replace(/\s+$/, "")} lines={lines} whole={whole ?? false}>
      {(shown) => (
        <pre class="mono-block">
          <Marked text={shown} />
        </pre>
      )}
    </Clip>
  );
}
