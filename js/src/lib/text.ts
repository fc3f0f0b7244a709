// Makes text that agents wrote fit to be shown: what cannot be seen is named where it stands, as
// agent_widget/visible.py does for terminals.
import { HIDDEN, KEPT, MARKS } from "./hidden.ts";

const ANY = new RegExp(HIDDEN, "u");
const EACH = new RegExp(HIDDEN, "gu");
const SEEN = new RegExp(`(${KEPT})|${HIDDEN}+`, "gu");
const COLOURS = /\u001b\[[0-9;:]*m/g;
const TAGS = /[\u{e0020}-\u{e007e}]+/u;
const TAG_BASE = 0xe0000;

/** The text with nothing invisible left in it; a terminal's colours go, line ends and tabs stay. */
export function visible(text: string): string {
  if (!ANY.test(text)) return text;
  return text
    .replace(COLOURS, "")
    .replaceAll("\r\n", "\n")
    .replace(SEEN, (run, kept: string | undefined) => kept ?? named([...run]));
}

/** The same on one line. */
export function oneLine(text: string): string {
  return visible(text).replace(/\s+/g, " ").trim();
}

/** A JSON text in which hidden characters are escaped: the same values. */
export function escaped(json: string): string {
  const codes = (char: string) => [...Array(char.length).keys()].map((i) => char.charCodeAt(i));
  const unit = (code: number) => `\\u${code.toString(16).padStart(4, "0")}`;
  return json.replace(EACH, (char) => codes(char).map(unit).join(""));
}

/** Names for characters in a row. What is written in tags, which copy ASCII, is told as text. */
function named(run: readonly string[]): string {
  const isTag = (char: string) => TAGS.test(char);
  const first = run.findIndex(isTag);
  const until = first < 0 ? run.length : first;
  if (until > 0) {
    const names = run.slice(0, Math.min(until, MARKS)).map(nameOf).join("");
    const more = until > MARKS ? `[and ${until - MARKS} more hidden characters]` : "";
    return names + more + (until < run.length ? named(run.slice(until)) : "");
  }
  const end = run.findIndex((char) => !isTag(char));
  const tags = end < 0 ? run : run.slice(0, end);
  const told = tags.slice(0, 12 * MARKS).map((tag) => String.fromCharCode(tag.codePointAt(0)! - TAG_BASE));
  const more = tags.length > told.length ? "…" : "";
  return `[tags: ${told.join("")}${more}]${end < 0 ? "" : named(run.slice(end))}`;
}

function nameOf(char: string): string {
  const code = char.codePointAt(0)!;
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
}

const LETTER = /[\p{L}\p{N}]/u;

/** What a text says beyond its title, where it begins with it (in other markup perhaps); else all of it. */
export function textBeyond(text: string, title: string): string {
  const said = [...title].filter((char) => LETTER.test(char));
  let at = 0;
  let matched = 0;
  for (const char of text) {
    if (matched === said.length) break;
    if (LETTER.test(char) && char !== said[matched++]) return text;
    at += char.length;
  }
  if (matched < said.length) return text;
  return text.slice(at).replace(/^[^\p{L}\p{N}("[]+/u, "");
}
