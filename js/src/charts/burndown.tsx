// The tasks left over time as steps, and a wedge for when they may all be done.
import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { BusyTime } from "../lib/busy-time.ts";
import { DAY, HOUR, MINUTE } from "../lib/durations.ts";
import { dayMonth, hourMinute, integer, plural } from "../lib/format.ts";
import { useSize } from "../parts/size.ts";
import type { Shown } from "../store/store.ts";
import { type Burn, burnOf } from "./burndown.ts";

/** The wedge takes at most so much of the width: what was is known better than what will be. */
const FUTURE = 0.5;
const TOP = 3;
/** A silence at the end that is longer than this share of what was before is left out. */
const STILL = 0.25;

interface BurndownProps {
  readonly store: Shown;
  /** Of the curve, px. */
  readonly height?: number;
}

export function Burndown({ store, height = 56 }: BurndownProps) {
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  // Of the minute, and of every change: the clock alone moves it slowly.
  const burn = useComputed(() => {
    store.tables.tasks.version.value;
    const now = Math.ceil(store.now.value / MINUTE) * MINUTE;
    return { now, ...burnOf(store.tables.tasks.list(), now) };
  }).value;
  if (burn.total === 0) return null;
  const drawn = drawing(burn, burn.now, width, height);
  return (
    <figure
      class="burndown"
      aria-label={`Tasks left: ${integer(burn.left)} of ${integer(burn.total)}; ${burn.summary}`}
    >
      <figcaption class="muted" title={`${integer(burn.left)} left of ${plural(burn.total, "task")}; ${burn.summary}`}>
        <strong>{integer(burn.left)}</strong> left · {burn.summary}
      </figcaption>
      <div ref={box} style={{ height: `${height}px` }}>
        {drawn !== null && (
          <svg width={width} height={height} aria-hidden="true">
            {drawn.wedge !== null && <path class="burndown-wedge" d={drawn.wedge} />}
            <path class="burndown-area" d={drawn.area} />
            <path class="burndown-line" d={drawn.line} />
            <line class="burndown-now" x1={drawn.nowX} x2={drawn.nowX} y1="0" y2={height} />
          </svg>
        )}
      </div>
      {drawn !== null && (
        <div class="burndown-ends muted" aria-hidden="true">
          <span>{instant(drawn.from, burn.now)}</span>
          <span style={{ insetInlineStart: `${drawn.nowX}px` }} class={drawn.nowX > width - 40 ? "last" : "now"}>
            {store.past || drawn.end < burn.now ? instant(drawn.end, burn.now) : "now"}
          </span>
          {drawn.wedge !== null && drawn.nowX < width - 90 && <span class="last">{instant(drawn.to, burn.now)}</span>}
        </div>
      )}
    </figure>
  );
}

const instant = (at: number, now: number): string => (Math.abs(now - at) < DAY ? hourMinute(at) : dayMonth(at));

function drawing({ course, estimate, left }: Burn, now: number, width: number, height: number) {
  if (course.length < 2 || width <= 0) return null;
  const from = course[0]!.at;
  const changed = (left === 0 ? course : course.slice(0, -1)).at(-1)!.at;
  // Where nothing has happened for long, the picture ends with what happened last.
  const end = left === 0 || now - changed > Math.max(HOUR, (changed - from) * STILL) ? changed : now;
  const busy = new BusyTime(
    course.map(({ at }) => at),
    end,
  );
  const past = Math.max(MINUTE, end - from);
  // A wedge longer than its share is cut, which reads as "far".
  const future = estimate === null ? 0 : Math.min(estimate.high, (past * FUTURE) / (1 - FUTURE));
  const to = end + future;
  const most = Math.max(1, ...course.map((step) => step.left));
  const pastWidth = (past / (past + future)) * width;
  const x = (at: number): number =>
    at > end ? pastWidth + ((at - end) / future) * (width - pastWidth) : busy.place(at) * pastWidth;
  const y = (n: number): number => height - 0.5 - (n / most) * (height - TOP);
  let line = `M${x(from).toFixed(1)} ${y(0).toFixed(1)}`;
  for (const step of course) if (step.at <= end) line += `H${x(step.at).toFixed(1)}V${y(step.left).toFixed(1)}`;
  const nowX = x(end);
  const reaches = (after: number): string => {
    const share = Math.min(1, future / after);
    return `${x(now + after * share).toFixed(1)} ${y(left * (1 - share)).toFixed(1)}`;
  };
  const wedge =
    estimate === null
      ? null
      : `M${nowX.toFixed(1)} ${y(left).toFixed(1)}L${reaches(estimate.low)}L${reaches(estimate.high)}Z`;
  return { from, to, end, nowX, line, area: `${line}V${height}H0Z`, wedge };
}
