// A link from an agent to its transcript, where there is one.
import { useApp } from "../state/context.ts";
import { read, trailTo } from "../state/trail.ts";

export function TranscriptLink({ agent }: { agent: string }) {
  const { store, nav } = useApp();
  store.tables.sessions.version.value;
  const trail = trailTo(store, agent);
  if (trail === null) return null;
  return (
    <button type="button" class="button transcript-link" onClick={() => read(nav, trail)}>
      Transcript →
    </button>
  );
}
