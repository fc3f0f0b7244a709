// Bars over time, each stacked by what it is split by; a bar leads to its stretch of time.
import { useRef, useState } from "preact/hooks";
import { dayMonth, hourMinute, money, percent, plural, short } from "../../lib/format.ts";
import { type Bounds, stretchText, type Unit } from "../../lib/stretch.ts";
import { useSize } from "../../parts/size.ts";
import { type Bar, type Measure, stepOf } from "./sums.ts";

interface BarsProps {
  readonly bars: readonly Bar[];
  /** The names of the series, and of the rest after them. */
  readonly names: readonly string[];
  readonly measure: Measure;
  readonly unit: Unit;
  readonly now: number;
  readonly onOpen: (bounds: Bounds) => void;
}

const AXIS_PX = 52;
const LABEL_PX = 58;
/** Below this part of the axis a bar is drawn so that it is seen, without lines between its series. */
const LOW = 0.04;
/** Series named in a tooltip. */
const NAMED = 8;

export const amount = (measure: Measure, value: number, unpriced = 0): string =>
  measure === "cost" ? money(value, unpriced) : short(value);

/** An axis is short of room, and its steps are round. */
const tick = (measure: Measure, value: number): string =>
  measure === "tokens"
    ? short(value)
    : value === 0
      ? "$0"
      : value < 1
        ? `$${value.toPrecision(1)}`
        : `$${short(value)}`;

export function Bars({ bars, names, measure, unit, now, onOpen }: BarsProps) {
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const [at, setAt] = useState(bars.length - 1);
  const most = bars.reduce((largest, { sum }) => Math.max(largest, sum), 0);
  const step = stepOf(most);
  const top = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const lines = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  const every = Math.max(1, Math.ceil((bars.length * LABEL_PX) / Math.max(LABEL_PX, width - AXIS_PX)));
  const current = Math.min(at, bars.length - 1);
  const focus = (index: number) => {
    const to = Math.min(bars.length - 1, Math.max(0, index));
    setAt(to);
    box.current?.querySelectorAll<HTMLElement>(".usage-bar")[to]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowLeft: current - 1, ArrowRight: current + 1, Home: 0, End: bars.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focus(to);
  };
  return (
    <div
      ref={box}
      class={every > 1 ? "usage-chart dense" : "usage-chart"}
      role="group"
      aria-label={`${measure} by ${unit}`}
      onKeyDown={onKeyDown}
    >
      <div class="usage-axis" aria-hidden="true">
        {lines.map((value) => (
          <span key={value} class="usage-line" style={{ bottom: `${(value / top) * 100}%` }}>
            <span class="muted">{tick(measure, value)}</span>
          </span>
        ))}
      </div>
      <div class="usage-bars">
        {bars.map((bar, i) => (
          <button
            key={bar.from}
            type="button"
            class="usage-bar"
            tabIndex={i === current ? 0 : -1}
            title={about(bar, names, measure, now)}
            aria-label={about(bar, names, measure, now)}
            onFocus={() => setAt(i)}
            onClick={() => onOpen({ from: bar.from, to: bar.to })}
          >
            <span
              class={bar.sum > 0 && bar.sum < top * LOW ? "usage-stack low" : "usage-stack"}
              style={{ height: `${(bar.sum / top) * 100}%` }}
            >
              {bar.values.map((value, series) =>
                value === 0 ? null : (
                  <span
                    key={series}
                    class={series === names.length - 1 ? "series-rest" : `series-${series}`}
                    style={{ flexGrow: value }}
                  />
                ),
              )}
            </span>
          </button>
        ))}
      </div>
      <div class="usage-times muted" aria-hidden="true">
        {bars.map((bar, i) => (
          <span key={bar.from} class="usage-time">
            {i % every === 0 && (i + every <= bars.length || bars.length === 1 || i === 0) ? (
              <span>{label(bar.from, unit)}</span>
            ) : null}
          </span>
        ))}
      </div>
    </div>
  );
}

/** A clock time within a day, and the day where one begins. */
function label(at: number, unit: Unit): string {
  const time = hourMinute(at);
  return (unit === "quarter" || unit === "hour") && time !== "00:00" ? time : dayMonth(at);
}

function about({ from, to, values, sum, unpriced }: Bar, names: readonly string[], measure: Measure, now: number) {
  const parts = values
    .map((value, i) => ({ value, name: names[i]! }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, NAMED)
    .map(({ value, name }) => `${name}: ${amount(measure, value)} (${percent(value / sum)})`);
  const when = stretchText({ from, to }, now);
  const left = unpriced > 0 ? `${plural(unpriced, "answer")} without a known price left out` : null;
  const whole = sum === 0 && unpriced > 0 ? "unpriced" : amount(measure, sum, measure === "cost" ? unpriced : 0);
  return [`${when}: ${whole}`, ...parts, measure === "cost" ? left : null].filter((part) => part !== null).join("\n");
}
