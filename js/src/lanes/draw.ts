// The lanes on a canvas: paints a scene that layout.ts has measured. One path for each colour.
import { isLive } from "../lib/agents.ts";
import type { Colours } from "../state/theme.ts";
import { paintLabels, paintLinks } from "./draw-detail.ts";
import { BAR, type Bar, broadcastTop, CUT, type Curve, curvePoints, rowMiddle, type Scene } from "./layout.ts";
import type { Link } from "./links.ts";

const RADIUS = 3;
const TICK = 8;
const ERROR = BAR + 4;
const FEW_CURVES = 40;
/** A failure has a longer mark than an end that was meant, by shape and not by colour alone. */
const FAILED_TAIL = 14;

export interface Picture {
  scene: Scene;
  width: number;
  height: number;
  /** How far the rows are scrolled. */
  top: number;
  /** Where the axis has its labels. */
  grid: readonly number[];
  /** Where silences are cut out. */
  cuts: readonly number[];
  /** Where now is, or null when it is not in sight. */
  nowX: number | null;
  /** The row whose messages stand out. */
  lit: number | null;
  colours: Colours;
  /** What only a detailed picture has; the font is that of its labels. */
  detail: { readonly links: readonly Link[]; readonly font: string } | null;
}

export function paintLanes(context: CanvasRenderingContext2D, picture: Picture): void {
  const { scene, colours, width, height, top } = picture;
  context.clearRect(0, 0, width, height);
  fillRects(
    context,
    colours.line,
    picture.grid.map((x) => [Math.round(x), 0, 1, height]),
    0.6,
  );
  context.save();
  context.translate(0, -top);
  if (picture.detail !== null) paintLinks(context, picture.detail.links, picture.lit, colours);
  paintBars(context, scene.bars, colours);
  paintTicks(context, scene, colours);
  if (picture.detail !== null) paintLabels(context, scene.bars, colours, picture.detail.font);
  paintCurves(context, picture);
  context.restore();
  paintCuts(context, picture);
  if (picture.nowX !== null)
    fillRects(context, colours.accent, [[Math.min(picture.nowX, width - 1.5), 0, 1.5, height]]);
}

/** The paper is torn: a gap in what lies under it, between two edges. */
function paintCuts(context: CanvasRenderingContext2D, { cuts, height, colours }: Picture): void {
  fillRects(
    context,
    colours.bg,
    cuts.map((x) => [x, 0, CUT, height]),
  );
  fillRects(
    context,
    colours.muted,
    cuts.flatMap((x): Rect[] => [
      [Math.round(x), 0, 1, height],
      [Math.round(x + CUT) - 1, 0, 1, height],
    ]),
    0.35,
  );
}

function paintBars(context: CanvasRenderingContext2D, bars: readonly Bar[], colours: Colours): void {
  for (const status of new Set(bars.map((bar) => bar.status))) {
    const add = isLive(status) ? addBar : addOutcome;
    context.fillStyle = colourOf(status, colours);
    context.beginPath();
    for (const bar of bars) if (bar.status === status) add(context, bar);
    context.fill();
  }
}

function addBar(context: CanvasRenderingContext2D, { row, x, width }: Bar): void {
  const y = rowMiddle(row) - BAR / 2;
  // A pixel of air keeps two spans of one status apart.
  if (width > 4) context.roundRect(x, y, width - 1, BAR, RADIUS);
  else context.rect(x, y, width, BAR);
}

/** Nothing happens after an end: it is a mark where it came, and the lane is empty from there on. */
function addOutcome(context: CanvasRenderingContext2D, { row, x, width, status }: Bar): void {
  const middle = rowMiddle(row);
  if (status === "done" || status === "failed") context.roundRect(x, middle - BAR / 2, Math.min(4, width), BAR, 1);
  if (status === "failed") context.rect(x, middle - 2, Math.min(FAILED_TAIL, width), 4);
}

function colourOf(status: string, colours: Colours): string {
  return status in colours ? colours[status as keyof Colours] : colours.offline;
}

function paintTicks(context: CanvasRenderingContext2D, { ticks }: Scene, colours: Colours): void {
  const rects = (failed: boolean, onBar: boolean, width: number, height: number): Rect[] =>
    ticks
      .filter((tick) => tick.failed === failed && (failed || tick.onBar === onBar))
      .map(({ row, x }) => [x - width / 2, rowMiddle(row) - height / 2, width, height]);
  fillRects(context, colours.bg, rects(false, true, 1, TICK), 0.9);
  fillRects(context, colours.muted, rects(false, false, 1, TICK));
  // An error is longer and has an edge of its own: it must not depend on red against blue.
  fillRects(context, colours.bg, rects(true, true, 4, ERROR));
  fillRects(context, colours.failed, rects(true, true, 2, ERROR));
}

function paintCurves(context: CanvasRenderingContext2D, { scene, lit, colours }: Picture): void {
  const isLit = (curve: Curve): boolean => lit !== null && (curve.from === lit || curve.to === lit);
  const bright = scene.curves.filter(isLit);
  const others = scene.curves.filter((curve) => !isLit(curve));
  // Many curves are a texture behind the bars; the lane under the pointer brings its own to the front.
  const faint = bright.length > 0 ? 0.25 : Math.min(0.8, Math.max(0.2, FEW_CURVES / others.length));
  strokeCurves(context, others, colours.muted, faint, colours.bg);
  strokeCurves(context, bright, colours.ink, 1, colours.bg);
}

function strokeCurves(
  context: CanvasRenderingContext2D,
  curves: readonly Curve[],
  colour: string,
  alpha: number,
  casing: string,
): void {
  if (curves.length === 0) return;
  const lines = new Path2D();
  const heads = new Path2D();
  for (const curve of curves) {
    if (curve.to === null) addBroadcast(heads, curve);
    else addArrow(lines, heads, curvePoints({ ...curve, to: curve.to }));
  }
  // A thin casing in the ground's colour keeps a curve readable where it crosses a bar.
  if (curves.length <= FEW_CURVES) {
    context.globalAlpha = alpha * 0.7;
    context.strokeStyle = casing;
    context.lineWidth = 3;
    context.stroke(lines);
  }
  context.globalAlpha = alpha;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1;
  context.stroke(lines);
  context.fill(heads);
  context.globalAlpha = 1;
}

function addArrow(lines: Path2D, heads: Path2D, points: ReturnType<typeof curvePoints>): void {
  const [x0, y0, cx0, cy0, cx1, cy1, x1, y1] = points;
  lines.moveTo(x0, y0);
  lines.bezierCurveTo(cx0, cy0, cx1, cy1, x1, y1);
  const angle = Math.atan2(y1 - cy1, x1 - cx1);
  heads.moveTo(x1, y1);
  for (const side of [-0.45, 0.45]) heads.lineTo(x1 - 6 * Math.cos(angle + side), y1 - 6 * Math.sin(angle + side));
  heads.closePath();
}

/** To everyone: a small roof over the sender's bar. */
function addBroadcast(heads: Path2D, { from, x }: Curve): void {
  const y = broadcastTop(from);
  heads.moveTo(x, y - 2.5);
  heads.lineTo(x + 3.5, y + 2.5);
  heads.lineTo(x - 3.5, y + 2.5);
  heads.closePath();
}

type Rect = [number, number, number, number];

function fillRects(context: CanvasRenderingContext2D, colour: string, rects: readonly Rect[], alpha = 1): void {
  if (rects.length === 0) return;
  context.globalAlpha = alpha;
  context.fillStyle = colour;
  context.beginPath();
  for (const rect of rects) context.rect(...rect);
  context.fill();
  context.globalAlpha = 1;
}
