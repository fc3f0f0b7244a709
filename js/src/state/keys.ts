// The keys of the dashboard: the command of each, and its description in the help panel. They work while
// the focus is inside; outside, and with Ctrl, Alt or Meta, every key is the host's.
import { VIEWS, type ViewName } from "../store/tables.ts";

export type Command = "search" | "next" | "help" | "travel" | "pause" | "times" | ViewName;

const LETTERS: Readonly<Record<string, Command>> = {
  "/": "search",
  "?": "help",
  n: "next",
  t: "travel",
  p: "pause",
  c: "times",
};

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "isComposing">;

/** What a key asks for; null where it asks for nothing, or is typed into something. */
export function commandOf(event: Pressed, typing: boolean): Command | null {
  if (typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return null;
  const view = /^[0-9]$/.test(event.key) ? VIEWS[(Number(event.key) + 9) % 10] : undefined; // as the keys stand: 0 is the tenth
  return view ?? LETTERS[event.key] ?? null;
}

/** Whether keys pressed in this element are text, or choose something in it. */
export function isTyped(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches("input, select, textarea, [contenteditable]");
}

interface Keys {
  readonly where: string;
  readonly keys: readonly (readonly [keys: string, does: string])[];
}

export const KEYS: readonly Keys[] = [
  {
    where: "Anywhere in the dashboard",
    keys: [
      ["1 – 9, 0", "the views, in the order of their tabs"],
      ["/", "search what this tab shows; Enter: search everything"],
      ["n", "what needs you next"],
      ["t", "history: everything as it was at a moment"],
      ["p", "pause what is shown, and go on"],
      ["c", "times: clock, or how long ago"],
      ["?", "this list"],
      ["Esc", "close what is open; clear the search"],
    ],
  },
  {
    where: "In a table",
    keys: [
      ["↑ ↓", "from row to row; with Page Up and Down by the screen"],
      ["Home End", "to the first, to the last"],
      ["Enter", "open the row; Tab goes on into it"],
      ["← →", "fold and unfold a tree"],
      ["Tab, ← →", "from the rows to the heads of the columns; Enter sorts"],
    ],
  },
  {
    where: "In the lanes",
    keys: [
      ["↑ ↓", "from agent to agent; Enter opens it"],
      ["← → + −", "through time, and how much of it"],
      ["Space", "unfold the finished subagents"],
      ["End", "back to now"],
    ],
  },
  {
    where: "In the history bar",
    keys: [
      ["← →", "ten seconds; with Shift a minute"],
      ["↑ ↓", "from event to event"],
      ["Home End", "the beginning, the present"],
      ["Tab", "to a field for a moment: 14:05, yesterday 14:05, -2h"],
    ],
  },
];
