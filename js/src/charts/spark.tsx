// The recent course of a figure the size of a word, as a line or as columns: no axis, no numbers, only the shape.

const WIDTH = 78;
const HEIGHT = 22;
const EDGE = 1.5;

export function Spark({ values }: { values: readonly number[] }) {
  if (values.length < 2) return null;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path d={sparkPath(values)} />
    </svg>
  );
}

/** A course that does not change is a line along the ground, whatever its height. */
export function sparkPath(values: readonly number[]): string {
  const low = Math.min(...values);
  const spread = Math.max(...values) - low || Infinity;
  const step = (WIDTH - 2 * EDGE) / (values.length - 1);
  const points = values.map((value, i) => {
    const y = HEIGHT - EDGE - ((value - low) / spread) * (HEIGHT - 2 * EDGE);
    return `${(EDGE + i * step).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}

/** What was in each stretch of time, the last at the right edge; the highest has the whole height. */
export function Columns({ values, most }: { values: readonly number[]; most: number }) {
  if (values.length === 0) return null;
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="spark-columns" d={columnsPath(values, most)} />
    </svg>
  );
}

export function columnsPath(values: readonly number[], most: number): string {
  const top = Math.max(...values) || Infinity;
  const step = WIDTH / most;
  const first = most - values.length;
  return values
    .map((value, i) => {
      const height = value === 0 ? 0 : Math.max(1, (value / top) * (HEIGHT - EDGE));
      return `M${((first + i) * step).toFixed(1)} ${HEIGHT}v${(-height).toFixed(1)}h${(step - 1).toFixed(1)}V${HEIGHT}Z`;
    })
    .join("");
}
