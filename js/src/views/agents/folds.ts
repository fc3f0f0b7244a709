// What is folded in the agents view, and how it is opened and closed. Lives as long as the mounted view.
import { type Signal, signal } from "@preact/signals";
import type { Nav } from "../../state/nav.ts";
import { type AgentItem, type Folds, finishedOf } from "./tree.ts";

const known = new WeakMap<Nav, Signal<Folds>>();

export function foldsOf(nav: Nav): Signal<Folds> {
  const folds = known.get(nav) ?? signal<Folds>(new Map());
  known.set(nav, folds);
  return folds;
}

function set(folds: Signal<Folds>, id: string, to: boolean | undefined): void {
  const next = new Map(folds.peek());
  if (to === undefined) next.delete(id);
  else next.set(id, to);
  folds.value = next;
}

/** Show or hide the children of an agent, or its finished ones when the line is their band. */
export function toggleFold(folds: Signal<Folds>, id: string): void {
  const finished = finishedOf(id);
  if (finished !== null) set(folds, finished, folds.peek().get(finished) === true ? undefined : true);
  else set(folds, id, folds.peek().get(id) === false ? undefined : false);
}

/** Show or hide the finished children of an agent, by the mark beside its name. */
export function toggleFinished(folds: Signal<Folds>, id: string): void {
  set(folds, id, folds.peek().get(id) === true ? undefined : true);
}

/** Right opens step by step; left closes, and from where nothing is open goes to the parent (whose id it gives). */
export function stepFold(folds: Signal<Folds>, item: AgentItem, opens: boolean): string | null {
  const band = finishedOf(item.id);
  const id = band ?? item.id;
  const now = folds.peek().get(id);
  if (opens) {
    if (now !== true && (band !== null || item.expanded !== null || item.fold !== null))
      set(folds, id, now === false && band === null ? undefined : true);
    return null;
  }
  if ((band !== null || item.fold !== null) && now === true) set(folds, id, undefined);
  else if (band === null && item.expanded) set(folds, id, now === true ? undefined : false);
  else return item.parent;
  return null;
}
