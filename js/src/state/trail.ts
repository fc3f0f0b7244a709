// The trail to the transcript that is open: a session, then the subagents down to the one that is read.
import type { Shown } from "../store/store.ts";
import type { SessionsRow } from "../store/tables.ts";
import type { Nav } from "./nav.ts";

/** Whether a session can be read: some sources keep figures of their sessions only. */
export function hasTranscript(store: Shown, session: SessionsRow): boolean {
  return !store.sources.value.some(({ name, transcripts }) => name === session.source && transcripts === false);
}

/** The way to an agent's transcript; null where there is none. */
export function trailTo(store: Shown, agentId: string): readonly string[] | null {
  const agents = store.tables.agents.rows;
  const agent = agents.get(agentId);
  const session = store.tables.sessions.rows.get(agent?.session_id ?? agentId);
  if (session === undefined || !hasTranscript(store, session)) return null;
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
