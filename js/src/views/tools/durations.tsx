// How long the calls took, as a distribution the size of a word: each bar three times as long as the one before.
import { duration, plural } from "../../lib/format.ts";
import { DURATIONS } from "../../lib/tool-use.ts";

const BAR_PX = 6;
const HEIGHT_PX = 16;

export function Durations({ counts }: { counts: readonly number[] }) {
  const most = Math.max(...counts);
  if (most === 0) return null;
  return (
    <svg class="durations" width={DURATIONS.length * BAR_PX} height={HEIGHT_PX + 1} role="img">
      <title>{description(counts)}</title>
      {counts.map((count, i) => {
        // The root lets a few slow calls be seen beside very many fast ones.
        const height = count === 0 ? 0 : Math.max(1.5, Math.sqrt(count / most) * HEIGHT_PX);
        return <rect key={i} x={i * BAR_PX} y={HEIGHT_PX - height} width={BAR_PX - 1} height={height} />;
      })}
      <line x1="0" x2={DURATIONS.length * BAR_PX} y1={HEIGHT_PX + 0.5} y2={HEIGHT_PX + 0.5} />
    </svg>
  );
}

function description(counts: readonly number[]): string {
  const ranges = counts.flatMap((count, i) => {
    if (count === 0) return [];
    const [from, to] = [DURATIONS[i - 1] ?? 0, DURATIONS[i]!];
    const range =
      to === Infinity
        ? `${duration(from)} and more`
        : from === 0
          ? `below ${duration(to)}`
          : `${duration(from)} to ${duration(to)}`;
    return [`${range}: ${plural(count, "call")}`];
  });
  return ranges.join("\n");
}
