// The keys of the lanes: up and down choose a lane, Enter opens it, left and right move through time, plus and
// minus zoom, End is now, Space unfolds, Escape lets go.
import { ROW } from "./layout.ts";
import type { LaneModel } from "./model.ts";

const PAN = 0.1;
const ZOOM = 1.25;

export const KEYS_HINT =
  "Up and down choose an agent, Enter opens it, Space unfolds its finished subagents, left and right move through time, plus and minus zoom, End is now.";

export function onLaneKey(event: KeyboardEvent, model: LaneModel, scroller: HTMLElement): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { window } = model;
  const pan = (share: number): void => window.pan(share * window.length.peek());
  const zoom = (factor: number): void => window.zoom(factor, window.to.peek() - window.length.peek() / 2);
  const actions: Readonly<Record<string, () => void>> = {
    ArrowDown: () => step(1, model, scroller),
    ArrowUp: () => step(-1, model, scroller),
    Enter: () => model.openActive(),
    " ": () => unfold(model),
    Escape: () => (model.active.value = null),
    ArrowLeft: () => pan(-PAN),
    ArrowRight: () => pan(PAN),
    "+": () => zoom(1 / ZOOM),
    "-": () => zoom(ZOOM),
    End: () => window.follow(),
  };
  const action = actions[event.key];
  if (action === undefined) return;
  event.preventDefault();
  action();
}

function unfold(model: LaneModel): void {
  const row = model.rows.peek().find(({ agent }) => agent.id === model.active.peek());
  if (row?.fold !== undefined) model.toggle(row.agent.id);
}

/** To the next lane, scrolled into sight. */
function step(by: number, model: LaneModel, scroller: HTMLElement): void {
  const rows = model.rows.peek();
  const at = rows.findIndex(({ agent }) => agent.id === model.active.peek());
  const row = Math.min(rows.length - 1, Math.max(0, at + by));
  model.active.value = rows[row]?.agent.id ?? null;
  const top = row * ROW;
  const least = top + ROW - scroller.clientHeight;
  scroller.scrollTop = Math.min(top, Math.max(least, scroller.scrollTop));
}
