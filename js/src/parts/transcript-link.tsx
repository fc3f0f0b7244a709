// A link from an agent to its transcript, where there is one.
import { useApp } from "../state/context.ts";
import { read, trailTo } from "../state/trail.ts";
import type { ToolCallsRow } from "../store/tables.ts";

interface TranscriptLinkProps {
  readonly agent: string;
  /** The call to go to; without it, the end. */
  readonly call?: ToolCallsRow;
}

export function TranscriptLink({ agent, call }: TranscriptLinkProps) {
  const { store, nav } = useApp();
  store.tables.sessions.version.value;
  const trail = trailTo(store, agent);
  if (trail === null) return null;
  const go = () => {
    const { value: term } = nav.search;
    read(nav, trail);
    if (call === undefined) return;
    nav.search.value = term; // what led to the call is looked for around it too
    nav.target.value = { id: trail.at(-1)!, key: `tool ${call.id}`, position: null, at: call.at };
  };
  return (
    <button type="button" class="button transcript-link" onClick={go}>
      Transcript →
    </button>
  );
}
