// What follows from the row of an agent.
import type { AgentsRow } from "../store/tables.ts";

/** What the status of an agent says where it says no more than that there is a question: its words are what it said last. */
export const A_QUESTION = "a question to you";

const LIVE = new Set(["working", "waiting", "idle"]);

/** Whether an agent in this status is there to be talked to. */
export function isLive(status: string | null): boolean {
  return status !== null && LIVE.has(status);
}

/** People appear in the agents table too (role "human"); they are not agents. */
export function isHuman(agent: AgentsRow): boolean {
  return agent.role === "human";
}
