// Who needs a person now, asked of the store as it is; whoever asks in a signal's scope hears of changes.
import type { Shown } from "../store/store.ts";
import { type Need, needs } from "../views/overview/needs.ts";

export function needsOf(store: Shown): readonly Need[] {
  const { agents, tasks } = store.tables;
  agents.version.value;
  tasks.version.value;
  return needs(agents.list(), tasks.list(), store.now.value);
}
