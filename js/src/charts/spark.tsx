// The recent course of a figure as a line the size of a word: no axis, no numbers, only the shape.

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
