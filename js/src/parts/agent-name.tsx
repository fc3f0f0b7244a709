// The display name of an agent as a link to it.
import { oneLine } from "../lib/text.ts";
import { useApp } from "../state/context.ts";
import { agentName, alikeIn } from "../store/names.ts";
import { Ends } from "./ends.tsx";

interface AgentNameProps {
  readonly id: string | null;
  /** In a grid one goes from row to row, not from name to name; elsewhere names are reached with Tab. */
  readonly inTabOrder?: boolean;
}

export function AgentName({ id, inTabOrder = false }: AgentNameProps) {
  const { store, nav } = useApp();
  if (id === null || id === "") return <span class="muted">–</span>;
  store.tables.agents.version.value;
  const name = agentName(store, id);
  if (!store.tables.agents.rows.has(id)) {
    return (
      <span class="name" title={oneLine(id)}>
        <Ends text={name} alike={alikeIn(store, id)} title={id} />
      </span>
    );
  }
  const open = (event: Event) => {
    event.stopPropagation();
    nav.open("agents", id);
  };
  return (
    <button type="button" class="name link" title={oneLine(id)} tabIndex={inTabOrder ? 0 : -1} onClick={open}>
      <Ends text={name} alike={alikeIn(store, id)} title={name === id ? id : `${name} · ${id}`} />
    </button>
  );
}
