// Makes text that agents wrote safe to show: control characters and bidi overrides become visible.

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
