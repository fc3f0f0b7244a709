// The geometry of the lanes: what lies where on the rows in sight. Pure functions from rows and numbers to
// rectangles and curves; draw.ts paints them, hit.ts finds them under the pointer.
import { isLive } from "../lib/agents.ts";
import { EVERYONE } from "../lib/names.ts";
import { lowerBound } from "../lib/ordered.ts";
import {
  type Call,
  callAt,
  type Events,
  firstSpanSince,
  type Message,
  messageAt,
  type Span,
  spanStart,
} from "../store/events.ts";
import type { Silence } from "./silence.ts";
import type { LaneRow } from "./tree.ts";

export const ROW = 28;
export const BAR = 14;
const TICK_DISTANCE = 3;
/** Half the width of an arrowhead: a message of this moment must not point past now. */
const ARROW = 3;
/** More curves than this are a grey cloud: the newest are kept. */
const MOST_CURVES = 300;

export interface Scale {
  from: number;
  to: number;
  width: number;
  /** The silences that are cut out of it, oldest first. */
  cuts: readonly Silence[];
}

/** What is left of a silence that is cut. */
export const CUT = 8;

export function xOf(scale: Scale, time: number): number {
  const perMs = pixelsPerMs(scale);
  let x = (time - scale.from) * perMs;
  for (const { from, to } of scale.cuts) {
    if (time <= from) break;
    const part = Math.min(1, (time - from) / (to - from));
    x += part * (CUT - (to - from) * perMs);
  }
  return x;
}

export function timeOf(scale: Scale, x: number): number {
  const perMs = pixelsPerMs(scale);
  let time = scale.from + x / perMs;
  for (const { from, to } of scale.cuts) {
    if (time <= from) break;
    // In the cut a pixel is more time, behind it the rest of the silence is added.
    const beyond = (time - from) * perMs;
    time = beyond <= CUT ? from + (beyond / CUT) * (to - from) : to + (beyond - CUT) / perMs;
  }
  return time;
}

function pixelsPerMs({ from, to, width, cuts }: Scale): number {
  const silent = cuts.reduce((sum, cut) => sum + cut.to - cut.from, 0);
  return Math.max(1, width - cuts.length * CUT) / (to - from - silent);
}

export interface Bar {
  row: number;
  x: number;
  width: number;
  status: string;
  span: Span;
}

interface Tick {
  row: number;
  x: number;
  failed: boolean;
  /** On a bar, where a tick is cut out of it; elsewhere it must bring its own ink. */
  onBar: boolean;
  call: Call;
}

/** A message: from row to row, or (`to` null) to everyone. */
export interface Curve {
  from: number;
  to: number | null;
  x: number;
  reach: number;
  message: Message;
}

export interface Scene {
  bars: Bar[];
  ticks: Tick[];
  curves: Curve[];
}

export interface SceneInput {
  /** Links stand for the messages that start and end a child's work. */
  detailed?: boolean;
  index: Events;
  rows: readonly LaneRow[];
  /** The rows in sight: first and one past the last. */
  first: number;
  last: number;
  scale: Scale;
  now: number;
  /** Only messages of this row (null: of none) are drawn; undefined: all. */
  near?: number | null;
}

/** Everything in sight, at most about one thing a pixel however long the window is. */
export function layoutScene(input: SceneInput): Scene {
  const scene: Scene = { bars: [], ticks: [], curves: [] };
  for (let row = input.first; row < Math.min(input.last, input.rows.length); row++) {
    const id = input.rows[row]!.agent.id;
    const start = scene.bars.length;
    layoutBars(input, row, input.index.spans.get(id) ?? [], scene.bars);
    layoutTicks(input, row, input.index.calls.get(id) ?? [], scene.bars, start, scene.ticks);
  }
  layoutCurves(input, scene.curves);
  return scene;
}

function layoutBars({ scale, now }: SceneInput, row: number, spans: readonly Span[], bars: Bar[]): void {
  let drawnTo = -1;
  for (let i = firstSpanSince(spans, scale.from); i < spans.length; i++) {
    const span = spans[i]!;
    const start = spanStart(span);
    if (start > scale.to) break;
    const end = Math.min(span.ended_at ?? now, scale.to);
    if (end < scale.from) continue;
    const x = Math.max(0, xOf(scale, start));
    const right = Math.max(x + 1, xOf(scale, end));
    // Below a pixel, the first span of the pixel stands for all, but who waited or failed is never lost.
    if (right <= drawnTo + 1 && span.status !== "waiting" && span.status !== "failed") continue;
    drawnTo = right;
    bars.push({ row, x, width: right - x, status: span.status ?? "unknown", span });
  }
}

function layoutTicks(
  { scale }: SceneInput,
  row: number,
  calls: readonly Call[],
  bars: readonly Bar[],
  firstBar: number,
  ticks: Tick[],
): void {
  let bar = firstBar;
  let last = -Infinity;
  let lastFailed = -Infinity;
  for (let i = lowerBound(calls, scale.from, callAt); i < calls.length && callAt(calls[i]!) <= scale.to; i++) {
    const call = calls[i]!;
    const x = xOf(scale, callAt(call));
    const failed = call.status === "error" || call.status === "denied";
    // Ticks nearer than this would hide the bar's colour; an error is drawn all the same.
    if (x - (failed ? lastFailed : last) < TICK_DISTANCE) continue;
    if (failed) lastFailed = x;
    else last = x;
    while (bar < bars.length && bars[bar]!.x + bars[bar]!.width < x) bar++;
    const under = bars[bar];
    ticks.push({ row, x, failed, onBar: under !== undefined && under.x <= x && isLive(under.status), call });
  }
}

function layoutCurves({ index, rows, first, last, scale, detailed, near }: SceneInput, curves: Curve[]): void {
  if (near === null) return;
  const rowOf = rowsByNameAndId(rows);
  const nearest = new Map<string, number>();
  const messages = index.messages;
  const begin = lowerBound(messages, scale.from, messageAt);
  for (let i = lowerBound(messages, scale.to, messageAt) - 1; i >= begin && curves.length < MOST_CURVES; i--) {
    const message = messages[i]!;
    if (detailed && (message.kind === "delegate" || message.kind === "result")) continue;
    const ends = endsOf(message, rowOf);
    if (ends === null || Math.max(...ends) < first || Math.min(...ends) >= last) continue;
    if (near !== undefined && !ends.includes(near)) continue;
    const x = xOf(scale, messageAt(message));
    const pair = ends.join(" ");
    if ((nearest.get(pair) ?? Infinity) - x < 3) continue;
    nearest.set(pair, x);
    const [from, to] = ends;
    const distance = to === undefined ? 0 : Math.abs(to - from) * ROW;
    const room = Math.max(0, scale.width - ARROW - x);
    curves.push({ from, to: to ?? null, x, reach: Math.min(16, 6 + distance / 10, room), message });
  }
}

function rowsByNameAndId(rows: readonly LaneRow[]): Map<string, number> {
  const rowOf = new Map<string, number>();
  for (const [row, { agent }] of rows.entries()) if (agent.name !== null) rowOf.set(agent.name, row);
  for (const [row, { agent }] of rows.entries()) rowOf.set(agent.id, row); // last: an id is surer than a name
  return rowOf;
}

/** The rows of sender and recipient, of the sender alone when it is to everyone, null when an end is not shown. */
function endsOf(message: Message, rowOf: ReadonlyMap<string, number>): [number] | [number, number] | null {
  const from = rowOf.get(message.sender ?? "");
  if (from === undefined) return null;
  if (message.recipient === EVERYONE) return [from];
  const to = rowOf.get(message.recipient ?? "");
  return to === undefined || to === from ? null : [from, to];
}

/** The middle of a row, from the top of the lanes. */
export const rowMiddle = (row: number): number => row * ROW + ROW / 2;

/** Where a message to everyone has its mark: between the bar and the row's upper edge. */
export const broadcastTop = (row: number): number => rowMiddle(row) - BAR / 2 - 4;

/**
 * The Bézier curve of a message: start, two controls, end, each x then y. It runs from the edge of one bar to the
 * edge of the other, so that its arrowhead is never lost on a bar.
 */
export function curvePoints(
  curve: Curve & { to: number },
): [number, number, number, number, number, number, number, number] {
  const edge = (Math.sign(curve.to - curve.from) * BAR) / 2;
  const y0 = rowMiddle(curve.from) + edge;
  const y1 = rowMiddle(curve.to) - edge;
  const x1 = curve.x + curve.reach;
  return [curve.x, y0, x1, y0 + (y1 - y0) * 0.35, curve.x, y1 - (y1 - y0) * 0.35, x1, y1];
}
