// Parses the part of Markdown that replies use: code, tables, headings, lists, bold, links. Everything else stays
// as it was written. By hand, since a regular expression over hostile text can take for ever.

export type Block =
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "table"; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: "heading" | "text"; readonly text: string }
  | { readonly kind: "item"; readonly depth: number; readonly marker: string; readonly text: string }
  | { readonly kind: "rule" };

export interface Span {
  readonly kind: "text" | "code" | "bold" | "stressed" | "link";
  readonly text: string;
  /** Of a link: where it leads; only http(s) can be followed. */
  readonly href?: string;
}

const FENCE = /^ {0,3}(```+|~~~+)/;
const HEADING = /^#{1,6} +(.*)$/;
const ITEM = /^(\s*)([-*+•]|\d{1,3}[.)]) +(.*)$/;
const RULE = /^ {0,3}(-{3,}|\*{3,}|_{3,})\s*$/;
const TABLE_LINE = /^\s*\|.*\|\s*$/;
const TABLE_RULE = /^[\s|:-]+$/;

export function blocks(source: string): readonly Block[] {
  const found: Block[] = [];
  const lines = source.split("\n");
  let text: string[] = [];
  const flush = () => {
    const paragraph = text.join("\n").replace(/^\n+|\n+$/g, "");
    if (paragraph !== "") found.push({ kind: "text", text: paragraph });
    text = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const fence = FENCE.exec(line)?.[1];
    const item = ITEM.exec(line);
    const heading = HEADING.exec(line);
    if (fence !== undefined) {
      flush();
      const close = lines.findIndex(
        (other, at) =>
          at > i && other.trim().startsWith(fence) && other.trim() === fence[0]!.repeat(other.trim().length),
      );
      const end = close < 0 ? lines.length : close;
      found.push({ kind: "code", text: lines.slice(i + 1, end).join("\n") });
      i = end;
    } else if (TABLE_LINE.test(line) && TABLE_RULE.test(lines[i + 1] ?? "") && TABLE_LINE.test(lines[i + 1] ?? "")) {
      flush();
      const rows: string[][] = [];
      for (; i < lines.length && TABLE_LINE.test(lines[i]!); i++)
        if (!TABLE_RULE.test(lines[i]!)) rows.push(cells(lines[i]!));
      found.push({ kind: "table", rows });
      i--;
    } else if (RULE.test(line)) {
      flush();
      found.push({ kind: "rule" });
    } else if (heading !== null) {
      flush();
      found.push({ kind: "heading", text: heading[1]!.replaceAll("**", "") });
    } else if (item !== null) {
      flush();
      found.push({
        kind: "item",
        depth: Math.min(4, Math.floor(item[1]!.length / 2)),
        marker: item[2]!,
        text: item[3]!,
      });
    } else if (line.trim() === "") {
      flush();
    } else {
      const last = found.at(-1);
      // A line that goes on under a list item belongs to it.
      if (text.length === 0 && last?.kind === "item" && /^\s{2,}/.test(line) && lines[i - 1]!.trim() !== "") {
        found[found.length - 1] = { ...last, text: `${last.text}\n${line.trim()}` };
      } else text.push(line);
    }
  }
  flush();
  return found;
}

/** The cells of a line `| a | b |`; `\|` is a bar inside one. */
function cells(line: string): string[] {
  return line
    .trim()
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

const ADDRESS = /^https?:\/\/[^\s<>"'`)\]}|]+/;
const LINK_CHARS = 600;

export function spans(text: string): readonly Span[] {
  const found: Span[] = [];
  /** Marks of which no closing one is left: looking for it once is enough. */
  const lonely = new Set<string>();
  let plain = 0;
  let at = 0;
  const take = (span: Span, end: number) => {
    if (at > plain) found.push({ kind: "text", text: text.slice(plain, at) });
    found.push(span);
    at = plain = end;
  };
  const closing = (mark: string): number => {
    if (lonely.has(mark)) return -1;
    const end = text.indexOf(mark, at + mark.length);
    if (end < 0) lonely.add(mark);
    return end;
  };
  while (at < text.length) {
    const char = text[at]!;
    if (char === "`") {
      let run = at;
      while (text[run] === "`") run++;
      const mark = text.slice(at, run);
      const end = closing(mark);
      if (end > run) take({ kind: "code", text: text.slice(run, end) }, end + mark.length);
      else at = run;
    } else if (char === "*" && text[at + 1] === "*") {
      const end = closing("**");
      if (end > at + 2 && text[at + 2] !== " " && text[end - 1] !== " ") {
        take({ kind: "bold", text: text.slice(at + 2, end).replaceAll("`", "") }, end + 2);
      } else at += 2;
    } else if (char === "*") {
      // *word*, not 2 * 3 * 4 nor *.py
      const stressed = /\w/.test(text[at - 1] ?? "")
        ? null
        : /^\*([^\s*][^*\n]{0,160})\*(?!\w)/.exec(text.slice(at, at + 170));
      if (stressed !== null && !stressed[1]!.endsWith(" "))
        take({ kind: "stressed", text: stressed[1]! }, at + stressed[0].length);
      else at++;
    } else if (char === "[") {
      const link = /^\[([^\]\n]+)\]\(([^)\s]+)\)/.exec(text.slice(at, at + LINK_CHARS));
      if (link !== null)
        take({ kind: "link", text: link[1]!.replaceAll("`", ""), href: link[2]! }, at + link[0].length);
      else at++;
    } else if (char === "h" && text.startsWith("http", at)) {
      const address = ADDRESS.exec(text.slice(at, at + LINK_CHARS * 4))?.[0].replace(/[.,;:!?*]+$/, "");
      if (address !== undefined) take({ kind: "link", text: address, href: address }, at + address.length);
      else at += 4;
    } else at++;
  }
  if (at > plain) found.push({ kind: "text", text: text.slice(plain) });
  return found;
}
