// The title of the page: a tab that is not looked at says who waits.
import { oneLine } from "./text.ts";

const TITLE = "agents";
const NAMED = 3;

/** "◆ planner waits for you", "◆ 5 wait for you: planner, tester, docs, …"; where nobody waits: "agents". */
export function titleOf(waiting: readonly string[]): string {
  const names = waiting.map((name) => oneLine(name));
  if (names.length === 0) return TITLE;
  if (names.length === 1) return `◆ ${names[0]} waits for you`;
  const more = names.length > NAMED ? ", …" : "";
  return `◆ ${names.length} wait for you: ${names.slice(0, NAMED).join(", ")}${more}`;
}
