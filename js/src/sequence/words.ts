// The words of the sequence: names, labels for screen readers, and tooltips.
import { duration, kindWords, longDuration, stamp } from "../lib/format.ts";
import { EVERYONE, endsOf } from "../lib/names.ts";
import { oneLine, visible } from "../lib/text.ts";
import type { Message } from "../store/events.ts";
import { agentName } from "../store/names.ts";
import type { Shown } from "../store/store.ts";
import { type MessageItem, recipientOf, senderOf } from "./layout.ts";
import { latencyOf, type Pairs, type Standing } from "./pairs.ts";

export const nameOf = (store: Shown, id: string): string => (id === "" ? "unknown" : agentName(store, id));

export const kindOf = (message: Message): string =>
  message.kind === null ? "message" : kindWords(oneLine(message.kind));

/** "orchestrator to reviewer, delegate, answered after 2 min 4 s: Review the …" */
export function labelOf(store: Shown, item: MessageItem, pairs: Pairs, standing: Standing): string {
  const { message } = item;
  const answer = pairs.answerTo.get(message.id);
  const took = item.folded ? null : latencyOf(pairs, message);
  const parts = [
    `${nameOf(store, senderOf(message))} to ${nameOf(store, recipientOf(message))}`,
    item.folded ? `${item.count} times ${kindOf(message)}` : kindOf(message),
    took !== null && `after ${duration(took)}`,
    answer !== undefined && !item.folded && `answered after ${duration(latencyOf(pairs, answer))}`,
    standing === "waiting" && "waits for an answer",
    standing === "working" && "in work",
  ];
  const text = message.text === null ? "" : `: ${oneLine(message.text)}`;
  return `${parts.filter(Boolean).join(", ")}${text}`;
}

/** The tooltip of a row. */
export function tooltipOf(store: Shown, item: MessageItem, now: number): string {
  const { message } = item;
  const ends = `${nameOf(store, senderOf(message))} → ${nameOf(store, recipientOf(message))}`;
  const span = item.until === null ? "" : ` over ${longDuration(item.until - (message.at ?? item.until))}`;
  const many = item.folded ? ` ×${item.count}${span}` : "";
  return [`${ends}, ${kindOf(message)}${many}, ${stamp(message.at, now)}`, message.text && visible(message.text)]
    .filter(Boolean)
    .join("\n");
}

/** A name of so many characters at most: what tells it apart stays (`endsOf`). */
export function cutName(name: string, length: number, alike?: number): string {
  const chars = [...name];
  if (chars.length <= length) return name;
  const [head, tail] = endsOf(name, alike);
  if (head === "") return `${chars.slice(0, Math.max(1, length - 1)).join("")}…`;
  const end = [...tail].slice(-Math.max(1, length - 2)).join(""); // beside one character and the ellipsis
  return `${chars.slice(0, Math.max(1, length - 1 - [...tail].length)).join("")}…${end}`;
}

/** A name on at most two lines, parted where its words are; `alike`: how much of its beginning others have too. */
export function inLines(name: string, length: number, most: number, alike?: number): readonly string[] {
  if (name.length <= length || most === 1) return [cutName(name, length, alike)];
  const words = name.split(/(?<=[-_ ./])/);
  let head = "";
  while (words.length > 1 && (head + words[0]!).length <= length) head += words.shift()!;
  if (words.length === 1 && head === "") return [cutName(name, length, alike)];
  if (head === "") head = cutName(words.shift()!.trim(), length, 0);
  return [head.trim(), cutName(words.join(""), length)];
}

export const isForAll = (message: Message): boolean => recipientOf(message) === EVERYONE;
