// Shows text that agents wrote, which may hold anything: as text nodes only, and nothing of it ever markup.
import { oneLine, visible } from "../lib/text.ts";

/** One line, cut by the layout; the whole of it is the tooltip. */
export function Line({ text, class: name = "" }: { text: string | null; class?: string }) {
  if (text === null || text === "") return <span class="muted">–</span>;
  return (
    <span class={`line ${name}`} title={visible(text)}>
      {oneLine(text)}
    </span>
  );
}

/** Everything, with its line breaks; http(s) addresses can be followed. */
export function Prose({ text, class: name = "" }: { text: string; class?: string }) {
  const parts = visible(text).split(/(https?:\/\/[^\s<>"'`)\]}]+)/);
  return (
    <div class={`prose ${name}`}>
      {parts.map((part, i) =>
        i % 2 === 1 ? (
          <a key={i} href={part} target="_blank" rel="noopener noreferrer">
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </div>
  );
}
