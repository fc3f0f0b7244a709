// Positions in the sequence, in px: the time at the left, the lanes beside it.
import type { Lanes } from "./lanes.ts";

export const ROW = 28;
export const TIME = 70;
/** The arrow is low in its row, under its words. */
export const ARROW = 22;

const EDGE = 14;
const LEAST_LANE = 72;
const MOST_LANE = 176;
/** About the width of a character of a name. */
const CHARACTER = 7.5;

export interface Geometry {
  readonly lane: number;
  /** The width of the lanes and what is right of them. */
  readonly area: number;
  readonly lanes: number;
  readonly x: (lane: number) => number;
  readonly characters: number;
}

export function capacityOf(width: number): number {
  return Math.max(2, Math.floor((width - TIME - EDGE) / LEAST_LANE));
}

export function geometryOf(width: number, { count }: Lanes): Geometry {
  const area = Math.max(0, width - TIME);
  const lane = Math.min(MOST_LANE, Math.max(LEAST_LANE, (area - EDGE) / Math.max(1, count)));
  return { lane, area, lanes: count, x: (i) => (i + 0.5) * lane, characters: Math.floor((lane - 2) / CHARACTER) };
}

export interface Place {
  readonly left: string;
  readonly right: string;
}

/** Too narrow for all the words of an arrow. */
export const isNarrow = ({ area }: Geometry): boolean => area < 420;

/** The words of an arrow begin where it does; at the right edge they end there, for they need room. */
export function placeOfWords(from: number, to: number, { area }: Geometry): Place & { readonly end: boolean } {
  const left = Math.min(from, to) + 9;
  const right = Math.max(from, to) - 9;
  const end = area - left < 0.45 * area && right > area - left;
  return end
    ? { left: "4px", right: `${Math.round(area - right)}px`, end }
    : { left: `${Math.round(left)}px`, right: "10px", end };
}
