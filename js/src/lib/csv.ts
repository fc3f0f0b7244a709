// Rows as CSV, cell by cell as `agent_widget/data/files.py` writes them; `tests/data/cells.json` holds both to one table.
import { HIDDEN } from "./hidden.ts";

const SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫";
const SPACES = "\t\r\n";
/** What is not printed, and spaces; lone surrogates are among it. */
const UNSEEN = new RegExp(`[\\p{C}\\p{Z}]|${HIDDEN}`, "u");

/** A value as it stands in CSV, before it is quoted. Lists and maps are JSON; no text begins a formula. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (text !== "" && SPACES.includes(text[0]!)) || beginsFormula(text) ? `'${text}` : text;
}

/** Whether the first character that is seen is one that begins a formula in a spreadsheet. */
function beginsFormula(text: string): boolean {
  for (const char of text) if (!UNSEEN.test(char)) return SIGNS.includes(char);
  return false;
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** CSV with a header; what UTF-8 cannot hold is a question mark. */
export function csvText(columns: readonly string[], rows: readonly object[]): string {
  const lines = rows.map((row) => columns.map((name) => csvCell((row as Record<string, unknown>)[name])));
  return [columns, ...lines]
    .map((cells) => `${cells.map(quoted).join(",")}\n`)
    .join("")
    .replace(/\p{Cs}/gu, "?");
}
