// The scores over time: a point for each judgement, a line for their mean. A click on a point leads to its judgement.
import { useMemo, useRef } from "preact/hooks";
import { plural, score, stamp, when } from "../../lib/format.ts";
import { useSize } from "../../parts/size.ts";
import { useApp, useSelection } from "../../state/context.ts";
import type { QualityRow } from "../../store/tables.ts";
import { type Course, courseOf } from "./sums.ts";

const HEIGHT_PX = 58;
const EDGE_PX = 5;
/** For the scores the lines stand for. */
const AXIS_PX = 20;
/** More points than this are a cloud; the newest stand for them. */
const MOST_POINTS = 1_500;
/** How far from a point a click still means it, px. */
const NEAR_PX = 12;

export function ScoreCourse({ rows }: { rows: readonly QualityRow[] }) {
  const { store } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const course = useMemo(() => courseOf(rows.slice(0, MOST_POINTS)), [rows]);
  if (course === null) return null;
  const x = (at: number) => AXIS_PX + EDGE_PX + at * (width - AXIS_PX - 2 * EDGE_PX);
  const y = (value: number) => EDGE_PX + (1 - value) * (HEIGHT_PX - 2 * EDGE_PX);
  const { selected, onSelect } = useSelection("quality");
  const onClick = (event: MouseEvent) => {
    const { left, top } = (event.currentTarget as Element).getBoundingClientRect();
    const id = nearest(course, (point) =>
      Math.hypot(x(point.x) - (event.clientX - left), y(point.y) - (event.clientY - top)),
    );
    if (id !== null) onSelect(id);
  };
  const now = store.now.value;
  return (
    <figure class="score-course">
      <div ref={box} style={{ height: `${HEIGHT_PX}px` }}>
        {width > 0 && (
          <svg width={width} height={HEIGHT_PX} role="img" aria-label={description(course)} onClick={onClick}>
            {[0, 0.5, 1].map((value) => (
              <g key={value}>
                <line x1={AXIS_PX} x2={width} y1={y(value)} y2={y(value)} />
                <text x="0" y={y(value) + 3}>
                  {value}
                </text>
              </g>
            ))}
            {course.points.map((point) => (
              <circle
                key={point.id}
                class={point.id === selected ? "chosen" : ""}
                cx={x(point.x)}
                cy={y(point.y)}
                r={point.id === selected ? 4 : 2}
              />
            ))}
            <path d={`M${course.line.map((point) => `${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`).join("L")}`} />
          </svg>
        )}
      </div>
      <figcaption class="muted figures" aria-hidden="true">
        <span>{when(course.from, now)}</span>
        {width > 300 && <span>score over time, mean as line</span>}
        <span>{stamp(course.to, now)}</span>
      </figcaption>
    </figure>
  );
}

function nearest(course: Course, distance: (point: Course["points"][number]) => number): string | null {
  let best: string | null = null;
  let least = NEAR_PX;
  for (const point of course.points) {
    const far = distance(point);
    if (far < least) {
      least = far;
      best = point.id;
    }
  }
  return best;
}

function description({ points, line }: Course): string {
  return `${plural(points.length, "score")} over time, the mean going from ${score(line[0]?.y ?? null)} to ${score(line.at(-1)?.y ?? null)}`;
}
