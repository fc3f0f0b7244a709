// The title of the page: a tab that is not looked at says who waits.
import { oneLine } from "./text.ts";

const TITLE = "agents";
const NAMED = 3;

/** "◆ planner waits for you", "◆ 5 wait for you: planner, tester, docs, …"; where nobody waits: "agents". */
export function titleOf(waiting: readonly string[]): string {
  if (waiting.length === 0) return TITLE;
  if (waiting.length === 1) return `◆ ${oneLine(waiting[0]!)} waits for you`;
  return `◆ ${waiting.length} wait for you: ${named(waiting)}`;
}

/** The same for the tab of a panel, which has less room: "◆ planner", "◆ 5: planner, tester, docs, …", else its own. */
export function tabTitleOf(own: string, waiting: readonly string[]): string {
  if (waiting.length === 0) return own;
  return waiting.length === 1 ? `◆ ${oneLine(waiting[0]!)}` : `◆ ${waiting.length}: ${named(waiting)}`;
}

const named = (waiting: readonly string[]): string =>
  waiting.slice(0, NAMED).map(oneLine).join(", ") + (waiting.length > NAMED ? ", …" : "");
