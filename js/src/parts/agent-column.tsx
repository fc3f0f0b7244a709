// The grid column that names an agent: sorted by its display name, with a link to the agent.
import { agentName } from "../store/names.ts";
import type { Shown } from "../store/store.ts";
import { AgentName } from "./agent-name.tsx";
import type { Column } from "./grid/types.ts";

type Place = Pick<Column<unknown>, "title" | "rank" | "grow"> & { readonly min?: number };

/** `key` is the column that holds the agent's id. */
export function agentColumn<K extends string, R extends Readonly<Record<K, string | null>>>(
  store: Shown,
  key: K,
  place: Place,
): Column<R> {
  return {
    key,
    min: 110,
    wish: 160,
    grow: 1,
    value: (row) => row[key] && agentName(store, row[key]),
    cell: (row) => <AgentName id={row[key]} />,
    ...place,
  };
}
