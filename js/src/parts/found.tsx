// One line of text with the search text marked.
import { stretches } from "../lib/search.ts";
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
