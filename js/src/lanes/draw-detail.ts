// What the timeline draws beyond the lanes of the overview: who worked for whom, and what was waited for.
import { oneLine } from "../lib/text.ts";
import type { Colours } from "../state/theme.ts";
import { BAR, type Bar, rowMiddle } from "./layout.ts";
import type { Link } from "./links.ts";

const HEAD = 4;
const LABEL_LEAST = 40;
const LABEL_PAD = 5;
/** Fewer letters of a longer text say nothing. */
const LEAST_LETTERS = 12;

export function paintLinks(
  context: CanvasRenderingContext2D,
  links: readonly Link[],
  lit: number | null,
  { muted, ink }: Colours,
): void {
  const isLit = ({ parent, child }: Link): boolean => child === lit || parent === lit;
  stroke(
    context,
    links.filter((link) => !isLit(link)),
    muted,
    lit === null ? 0.75 : 0.35,
  );
  stroke(context, links.filter(isLit), ink, 1);
}

function stroke(context: CanvasRenderingContext2D, links: readonly Link[], colour: string, alpha: number): void {
  if (links.length === 0) return;
  const lines = new Path2D();
  const heads = new Path2D();
  for (const link of links) {
    if (link.out !== null) addLine(lines, heads, link.out, link.parent, link.child);
    if (link.back !== null) addLine(lines, heads, link.back, link.child, link.parent);
  }
  context.globalAlpha = alpha;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1;
  context.stroke(lines);
  context.fill(heads);
  context.globalAlpha = 1;
}

/** Straight down (or up), from the edge of one bar to the edge of the other: one instant is one vertical. */
function addLine(lines: Path2D, heads: Path2D, x: number, from: number, to: number): void {
  const way = Math.sign(to - from);
  const at = Math.round(x) + 0.5;
  const end = rowMiddle(to) - (way * BAR) / 2;
  lines.moveTo(at, rowMiddle(from) + (way * BAR) / 2);
  lines.lineTo(at, end);
  heads.moveTo(at, end);
  heads.lineTo(at - HEAD / 1.4, end - way * HEAD * 1.3);
  heads.lineTo(at + HEAD / 1.4, end - way * HEAD * 1.3);
  heads.closePath();
}

/** What somebody waits for, written into the bar as far as it reaches. */
export function paintLabels(
  context: CanvasRenderingContext2D,
  bars: readonly Bar[],
  { ink, bg }: Colours,
  font: string,
): void {
  context.font = `11px ${font}`;
  context.textBaseline = "middle";
  // Amber is a light ground in both themes.
  context.fillStyle = brightness(ink) < brightness(bg) ? ink : bg;
  for (const { row, x, width, status, span } of bars) {
    if (status !== "waiting" || width < LABEL_LEAST || span.status_reason === null) continue;
    const text = fitting(context, oneLine(span.status_reason), width - 2 * LABEL_PAD);
    context.fillText(text, x + LABEL_PAD, rowMiddle(row) + 0.5);
  }
}

function fitting(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let low = 0;
  let high = Math.min(text.length, 120);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low < LEAST_LETTERS ? "" : `${text.slice(0, low).trimEnd()}…`;
}

function brightness(colour: string): number {
  // "rgb(27, 31, 36)" or "color(srgb 0.1 0.12 0.14)": only their order counts.
  return (colour.match(/[\d.]+/g) ?? []).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
}
