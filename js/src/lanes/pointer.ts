// Mouse and touch in the lanes: hover shows, click opens, drag moves through time, ctrl+wheel and
// pinch zoom, double click returns to now.
import type { LanePainter } from "./painter.ts";

/** Moved by less, a press is a click. */
const STILL = 4;
const WHEEL_ZOOM = 0.0025;

interface Point {
  x: number;
  y: number;
}

export function followPointer(painter: LanePainter, signal: AbortSignal): void {
  const { canvas, model } = painter;
  const pressed = new Map<number, Point>();
  let origin: Point | null = null;
  let moved = false;

  const place = (event: MouseEvent): Point => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const millisecondsPerPixel = (): number => model.window.length.peek() / painter.scale.width;
  const point = (at: Point | null): void => {
    const hit = at === null ? null : painter.hit(at.x, at.y);
    model.hovered.value = hit === null ? null : hit.row;
    model.pointed.value = hit === null || hit.kind === "agent" || at === null ? null : { hit, ...at };
    canvas.style.cursor = model.pointed.value === null ? "" : "pointer";
  };
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (event: HTMLElementEventMap[K]) => void,
    passive = true,
  ): void => canvas.addEventListener(type, listener, { signal, passive });

  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pressed.set(event.pointerId, place(event));
    origin = place(event);
    moved = pressed.size > 1;
  });

  on("pointermove", (event) => {
    const at = place(event);
    const before = pressed.get(event.pointerId);
    if (before === undefined || origin === null) {
      point(at);
      return;
    }
    if (!moved && Math.hypot(at.x - origin.x, at.y - origin.y) < STILL) return;
    moved = true;
    point(null);
    const other = [...pressed].find(([id]) => id !== event.pointerId)?.[1];
    if (other === undefined) model.window.pan((before.x - at.x) * millisecondsPerPixel());
    else {
      const spread = Math.max(10, Math.abs(before.x - other.x)) / Math.max(10, Math.abs(at.x - other.x));
      model.window.zoom(spread, painter.timeAt((at.x + other.x) / 2));
    }
    pressed.set(event.pointerId, at);
  });

  const release = (event: PointerEvent): void => {
    const wasPressed = pressed.delete(event.pointerId);
    if (!wasPressed || moved || event.type === "pointercancel") return;
    const at = place(event);
    const hit = painter.hit(at.x, at.y);
    // The ground is left to the double click: a click there only takes hold of the lane, or lets go of it.
    if (hit?.kind === "agent") model.hold(hit.row);
    else if (hit !== null) model.open(hit);
  };
  on("pointerup", release);
  on("pointercancel", release);
  on("pointerleave", () => point(null));
  on("dblclick", () => model.window.follow());

  on(
    "wheel",
    (event) => {
      const zooms = event.ctrlKey || event.metaKey;
      if (!zooms && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return; // the page or the rows scroll
      event.preventDefault();
      if (zooms) model.window.zoom(Math.exp(event.deltaY * WHEEL_ZOOM), painter.timeAt(place(event).x));
      else model.window.pan(event.deltaX * millisecondsPerPixel());
      point(null);
    },
    false,
  );
}
