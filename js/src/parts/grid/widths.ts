// Chooses the columns that fit a width, and how they share it.

interface Measured {
  readonly min: number;
  readonly grow?: number;
  readonly rank?: number;
}

const GAP_PX = 12;
const EDGE_PX = 28;

/** The columns in their order, without those of the highest rank for which there is no room. */
export function fitColumns<C extends Measured>(columns: readonly C[], width: number): readonly C[] {
  const ranks = [...new Set(columns.map((column) => column.rank ?? 0))].sort((a, b) => b - a);
  let fitting = columns;
  for (const rank of ranks) {
    if (rank === 0 || needed(fitting) <= width) break;
    fitting = fitting.filter((column) => (column.rank ?? 0) < rank);
  }
  return fitting;
}

function needed(columns: readonly Measured[]): number {
  return columns.reduce((sum, column) => sum + column.min + GAP_PX, EDGE_PX - GAP_PX);
}

/** For `grid-template-columns`. */
export function template(columns: readonly Measured[]): string {
  // Where none takes the width left over, the last does: it ends at the edge.
  const last = columns.some(({ grow = 0 }) => grow > 0) ? undefined : columns.at(-1);
  return columns
    .map((column) => (column === last ? { ...column, grow: 1 } : column))
    .map(({ min, grow = 0 }) => (grow > 0 ? `minmax(${min}px, ${grow}fr)` : `${min}px`))
    .join(" ");
}
