// Text that agents wrote, which may hold anything: shown as text nodes only, with control characters and
// bidi overrides made visible, and nothing of it ever markup.

const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
const ANSI = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

function picture(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

/** The text with nothing invisible left in it; terminal colours go, line ends and tabs stay. */
export function visible(text: string): string {
  return text.replace(ANSI, "").replaceAll("\r\n", "\n").replace(HIDDEN, picture);
}

/** The same on one line. */
export function oneLine(text: string): string {
  return visible(text).replace(/\s+/g, " ").trim();
}

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
