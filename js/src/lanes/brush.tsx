// Choosing a stretch of time over the axis: drag, or arrows with Shift and Enter. What is chosen is zoomed to;
// a double click or Backspace goes back to what was shown before.
import { untracked, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { duration, stamp } from "../lib/format.ts";
import { type Scale, timeOf, xOf } from "./layout.ts";
import type { LaneModel } from "./model.ts";

/** A keystroke moves by this part of the window; with Shift the end alone moves. */
const STEP = 0.02;
/** Narrower than this was a click. */
const LEAST_PX = 5;
const HINT =
  "Choose a stretch of time: arrows move, Shift with arrows widens, Enter zooms to it, Backspace goes back, Escape lets go.";

interface Chosen {
  readonly from: number;
  readonly to: number;
}

export function LanesBrush({ model, width }: { model: LaneModel; width: number }) {
  const chosen = useSignal<Chosen | null>(null);
  const anchor = useRef<number | null>(null);
  const before = useRef<{ from: number; to: number; follows: boolean }[]>([]);
  const { window } = model;
  const scale = (): Scale => untracked(() => model.scale(width));

  const zoom = () => {
    const stretch = chosen.value;
    chosen.value = null;
    if (stretch === null) return;
    const from = Math.min(stretch.from, stretch.to);
    const to = Math.max(stretch.from, stretch.to);
    if (xOf(scale(), to) - xOf(scale(), from) < LEAST_PX) return;
    before.current.push({ from: window.from.peek(), to: window.to.peek(), follows: window.follows.peek() });
    window.show(from, to);
  };
  const back = () => {
    const last = before.current.pop();
    if (last === undefined) return;
    if (last.follows) window.follow(last.to - last.from);
    else window.show(last.from, last.to);
  };

  const timeUnder = (event: PointerEvent): number => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return timeOf(scale(), Math.min(width, Math.max(0, event.clientX - box.left)));
  };
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    anchor.current = timeUnder(event);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (anchor.current !== null) chosen.value = { from: anchor.current, to: timeUnder(event) };
  };
  const onPointerUp = () => {
    if (anchor.current === null) return;
    anchor.current = null;
    zoom();
  };

  const move = (by: number, widens: boolean) => {
    const step = window.length.peek() * STEP * by;
    const middle = window.to.peek() - window.length.peek() / 2;
    const now = chosen.value ?? { from: middle, to: middle };
    const within = (at: number) => Math.min(window.to.peek(), Math.max(window.from.peek(), at));
    chosen.value = { from: within(widens ? now.from : now.from + step), to: within(now.to + step) };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => move(-1, event.shiftKey),
      ArrowRight: () => move(1, event.shiftKey),
      Enter: zoom,
      Escape: () => (chosen.value = null),
      Backspace: back,
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  };

  const stretch = chosen.value;
  const ends =
    stretch === null ? null : ([Math.min(stretch.from, stretch.to), Math.max(stretch.from, stretch.to)] as const);
  const xs = ends?.map((at) => xOf(scale(), at));
  const label =
    ends === null
      ? ""
      : `${stamp(ends[0], window.now.peek())} to ${stamp(ends[1], window.now.peek())}, ${duration(ends[1] - ends[0])}`;
  return (
    <div class="lanes-brush lane-grid">
      <div
        class="lanes-brush-field"
        role="group"
        tabIndex={0}
        aria-label={HINT}
        title="Drag to zoom to a stretch of time; double click goes back."
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={() => ((anchor.current = null), (chosen.value = null))}
        onDblClick={back}
        onKeyDown={onKeyDown}
        onBlur={() => (chosen.value = null)}
      >
        {xs !== undefined && (
          <span class="lanes-brush-chosen" style={{ left: `${xs[0]}px`, width: `${Math.max(1, xs[1]! - xs[0]!)}px` }} />
        )}
        <span class="visually-hidden" aria-live="polite">
          {label}
        </span>
      </div>
    </div>
  );
}
