// A small distribution of values from 0 to 1.
import { integer } from "../lib/format.ts";

const BINS = 20;
const BIN_PX = 10;
const HEIGHT_PX = 44;

export function binned(values: readonly number[], bins = BINS): readonly number[] {
  const counts = Array.from({ length: bins }, () => 0);
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(value * bins)));
    counts[bin] = counts[bin]! + 1;
  }
  return counts;
}

export function Histogram({ values, label }: { values: readonly number[]; label: string }) {
  const counts = binned(values);
  const most = Math.max(1, ...counts);
  return (
    <svg class="histogram" width={BINS * BIN_PX} height={HEIGHT_PX + 14} role="img" aria-label={label}>
      {counts.map((count, i) => {
        const height = count === 0 ? 0 : Math.max(1.5, (count / most) * HEIGHT_PX);
        return (
          <rect key={i} x={i * BIN_PX} y={HEIGHT_PX - height} width={BIN_PX - 1.5} height={height}>
            <title>{`${(i / BINS).toFixed(2)} to ${((i + 1) / BINS).toFixed(2)}: ${integer(count)}`}</title>
          </rect>
        );
      })}
      <line x1="0" x2={BINS * BIN_PX} y1={HEIGHT_PX + 0.5} y2={HEIGHT_PX + 0.5} />
      <text x="0" y={HEIGHT_PX + 12}>
        0
      </text>
      <text x={BINS * BIN_PX} y={HEIGHT_PX + 12} text-anchor="end">
        1
      </text>
    </svg>
  );
}
