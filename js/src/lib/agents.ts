// What the row of an agent says about it.
import type { AgentsRow } from "../store/tables.ts";

const LIVE = new Set(["working", "waiting", "idle"]);

/** Whether an agent in this status is there to be talked to. */
export function isLive(status: string | null): boolean {
  return status !== null && LIVE.has(status);
}

/** People appear in the agents table too (role "human"); they are not agents. */
export function isHuman(agent: AgentsRow): boolean {
  return agent.role === "human";
}

export function tokensOf(agent: AgentsRow): number {
  return (
    (agent.input_tokens ?? 0) +
    (agent.output_tokens ?? 0) +
    (agent.cache_read_tokens ?? 0) +
    (agent.cache_write_tokens ?? 0)
  );
}

/** Its tokens of all kinds, or null where none are counted. */
export const ownTokens = (row: AgentsRow): number | null =>
  row.input_tokens === null && row.output_tokens === null ? null : tokensOf(row);
