// The activity of an agent over time as small bars, one for each interval.

const WIDTH = 60;
const HEIGHT = 16;

/** One busy moment is not a peak. */
const LEAST = 3;

export function ActivityBars({ counts }: { counts: readonly number[] }) {
  const most = Math.max(LEAST, ...counts);
  const step = WIDTH / counts.length;
  const bars = counts
    .map((n, i) =>
      n === 0
        ? ""
        : `M${(i * step).toFixed(1)} ${HEIGHT}v${(-Math.max(2, (n / most) * HEIGHT)).toFixed(1)}h${(step - 0.4).toFixed(1)}V${HEIGHT}Z`,
    )
    .join("");
  return (
    <svg class="activity" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path d={bars} />
    </svg>
  );
}
