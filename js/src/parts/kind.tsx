// The kind of a message as a pill; kinds that ask for something or end something have the colour of a status.
import { kindWords } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";

const TONES: Readonly<Record<string, string>> = {
  ask: "waiting",
  question: "waiting",
  error: "failed",
  result: "done",
};

export function KindPill({ kind }: { kind: string | null }) {
  if (kind === null) return null;
  return <span class={`pill ink-${TONES[kind] ?? "plain"}`}>{kindWords(oneLine(kind))}</span>;
}
