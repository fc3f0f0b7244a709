// Finds what is drawn at a point of the lanes.
import type { Call, Message, Span } from "../store/events.ts";
import { BAR, broadcastTop, type Curve, curvePoints, ROW, rowMiddle, type Scene } from "./layout.ts";

/** Closer than this to a thing, the pointer means it. */
const REACH = 4;

export type Hit =
  | { kind: "call"; call: Call; row: number }
  | { kind: "message"; message: Message; row: number }
  | { kind: "span"; span: Span; row: number }
  | { kind: "agent"; row: number };

/** What lies at a point of the lanes (y from the top of the first row, scrolled-away rows included). */
export function hitTest(scene: Scene, rowCount: number, x: number, y: number): Hit | null {
  const row = Math.floor(y / ROW);
  if (row < 0 || row >= rowCount) return null;
  let best: Hit | null = null;
  let distance = REACH;
  const consider = (candidate: Hit, away: number): void => {
    if (away < distance) {
      distance = away;
      best = candidate;
    }
  };
  const overBar = Math.abs(y - rowMiddle(row)) <= BAR / 2 + 1;
  if (overBar) {
    for (const tick of scene.ticks) {
      if (tick.row === row) consider({ kind: "call", call: tick.call, row }, Math.abs(tick.x - x));
    }
  }
  for (const curve of scene.curves) {
    consider({ kind: "message", message: curve.message, row: curve.from }, distanceTo(curve, x, y));
  }
  if (best !== null || !overBar) return best ?? { kind: "agent", row };
  const bar = scene.bars.find((one) => one.row === row && one.x <= x && x <= one.x + one.width);
  return bar === undefined ? { kind: "agent", row } : { kind: "span", span: bar.span, row };
}

const SAMPLES = 24;

function distanceTo(curve: Curve, x: number, y: number): number {
  if (x < curve.x - REACH || x > curve.x + curve.reach + REACH) return Infinity;
  if (curve.to === null) return Math.hypot(curve.x - x, broadcastTop(curve.from) - y);
  const [x0, y0, cx0, cy0, cx1, cy1, x1, y1] = curvePoints({ ...curve, to: curve.to });
  let nearest = Infinity;
  let fromX = x0;
  let fromY = y0;
  for (let i = 1; i <= SAMPLES; i++) {
    const t = i / SAMPLES;
    const toX = cubic(t, x0, cx0, cx1, x1);
    const toY = cubic(t, y0, cy0, cy1, y1);
    nearest = Math.min(nearest, distanceToSegment(x, y, fromX, fromY, toX, toY));
    fromX = toX;
    fromY = toY;
  }
  return nearest;
}

function cubic(t: number, a: number, b: number, c: number, d: number): number {
  const s = 1 - t;
  return s * s * s * a + 3 * s * s * t * b + 3 * s * t * t * c + t * t * t * d;
}

function distanceToSegment(x: number, y: number, x0: number, y0: number, x1: number, y1: number): number {
  const dx = x1 - x0;
  const dy = y1 - y0;
  const along =
    dx === 0 && dy === 0 ? 0 : Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy);
}
