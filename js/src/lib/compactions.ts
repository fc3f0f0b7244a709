// When an agent's context was compacted, as far as its files say: as a line of its log, or as what it did for a while.
import type { LogsRow, SpansRow } from "../store/tables.ts";

const LOGGED = "conversation compacted";
const DONE = "compacts its context";

export interface Compaction {
  readonly at: number;
  /** "auto, 167117 tokens": who asked for it and how much there was, where that is known. */
  readonly about: string | null;
}

/** Oldest first. */
export function compactionsOf(
  agent: string,
  logs: readonly LogsRow[],
  spans: readonly SpansRow[],
): readonly Compaction[] {
  const logged = logs
    .filter(({ agent_id, at, text }) => agent_id === agent && at !== null && text?.startsWith(LOGGED))
    .map(({ at, text }) => ({ at: at!, about: /\((.*)\)$/.exec(text!)?.[1] ?? null }));
  const done = spans
    .filter(({ started_at, status_reason }) => started_at !== null && status_reason === DONE)
    .map(({ started_at }) => ({ at: started_at!, about: null }));
  return [...logged, ...done].sort((a, b) => a.at - b.at);
}
