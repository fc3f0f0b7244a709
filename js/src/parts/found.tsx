// One line of text with the search text marked.
import { oneLine, visible } from "../lib/text.ts";

interface FoundProps {
  readonly text: string | null;
  /** Global; null: nothing is searched for. */
  readonly finder: RegExp | null;
  readonly class?: string;
}

export function Found({ text, finder, class: name = "" }: FoundProps) {
  if (text === null || text === "") return <span class="muted">–</span>;
  const line = oneLine(text);
  return (
    <span class={`line ${name}`} title={visible(text)}>
      {finder === null
        ? line
        : stretches(line, finder).map(({ text, found }, i) => (found ? <mark key={i}>{text}</mark> : text))}
    </span>
  );
}

export interface Stretch {
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
