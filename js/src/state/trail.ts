// Whose transcript one reads, and the way there: a session, then the subagents down to the one that is read.
import type { Shown } from "../store/store.ts";
import type { Nav } from "./nav.ts";

/** The way to an agent's transcript; null where there is none. */
export function trailTo(store: Shown, agentId: string): readonly string[] | null {
  const agents = store.tables.agents.rows;
  const agent = agents.get(agentId);
  const session = store.tables.sessions.rows.get(agent?.session_id ?? agentId);
  // A workspace keeps figures of its sessions, not what was said in them.
  if (session === undefined || session.source === "workspace") return null;
  const root = session.agent_id ?? session.id;
  const way: string[] = [];
  for (let id: string | null = agentId; id !== null && id !== root && !way.includes(id); ) {
    way.unshift(id);
    id = agents.get(id)?.parent_id ?? null;
  }
  return [session.id, ...way];
}

/** Go there. */
export function read(nav: Nav, trail: readonly string[]): void {
  nav.open("sessions", trail[0]!);
  nav.switch("sessions", "fields").value = false;
  nav.trail.value = trail;
}
