// The strips above the lanes, on their time axis: the pulse of what happens, and how many worked at once.
import { integer, plural } from "../lib/format.ts";
import { atOnce, eventsInMinute, pulseOf } from "./bins.ts";
import type { LaneModel } from "./model.ts";

const PULSE_PX = 22;
/** Errors hang from the line the events stand on: by place, not by colour alone. */
const GROUND_PX = 15;
/** Fewer events in a bin do not reach the top: one alone is not a peak. */
const PULSE_LEAST = 4;
const AT_ONCE_PX = 36;

interface StripProps {
  readonly model: LaneModel;
  readonly width: number;
}

export function Pulse({ model, width }: StripProps) {
  const scale = model.scale(width);
  const { window } = model;
  const index = model.index.value;
  const pulse = pulseOf(index, scale);
  const most = Math.max(PULSE_LEAST, ...pulse.events);
  const bars = (counts: readonly number[], height: number, sign: number): string =>
    counts
      .map((n, i) => {
        if (n === 0) return "";
        const x = pulse.x + i * pulse.step;
        return `M${x.toFixed(1)} ${GROUND_PX}v${(sign * Math.max(2, (n / most) * height)).toFixed(1)}h${(pulse.step - 1).toFixed(1)}V${GROUND_PX}Z`;
      })
      .join("");
  const events = pulse.events.reduce((sum, n) => sum + n, 0);
  const errors = pulse.errors.reduce((sum, n) => sum + n, 0);
  const label = window.follows.value
    ? `${integer(eventsInMinute(index, window.to.value))} in the last minute`
    : plural(events, "event");
  const about = `${plural(events, "message and tool call", "messages and tool calls")} in the time shown, ${integer(errors)} of them errors (below the line).`;
  return (
    <div class="lanes-strip lane-grid" title={about}>
      <div class="lane-who muted">
        <span class="line">Pulse · {label}</span>
      </div>
      <div class="lanes-strip-picture">
        <svg width={width} height={PULSE_PX} role="img" aria-label={about}>
          <path class="pulse-events" d={bars(pulse.events, GROUND_PX - 1, -1)} />
          <path class="pulse-errors" d={bars(pulse.errors, PULSE_PX - GROUND_PX - 1, 1)} />
          <line x1="0" x2={width} y1={GROUND_PX + 0.5} y2={GROUND_PX + 0.5} />
        </svg>
      </div>
    </div>
  );
}

export function AtOnceStrip({ model, width }: StripProps) {
  const scale = model.scale(width);
  const { working, waiting, most } = atOnce(model.index.value, scale, model.window.now.value);
  const top = Math.max(2, most, ...waiting);
  const y = (n: number): string => (AT_ONCE_PX - 0.5 - (n / top) * (AT_ONCE_PX - 4)).toFixed(1);
  const steps = (counts: readonly number[]): string => {
    let path = `M0 ${y(counts[0] ?? 0)}`;
    for (let x = 1; x < counts.length; x++) if (counts[x] !== counts[x - 1]) path += `H${x}V${y(counts[x]!)}`;
    return `${path}H${counts.length}`;
  };
  /** The same, without a line along the ground where there is nobody. */
  const islands = (counts: readonly number[]): string => {
    let path = "";
    counts.forEach((n, x) => {
      if (n === counts[x - 1]) return;
      const before = counts[x - 1] ?? 0;
      path += before === 0 ? `M${x} ${y(0)}V${y(n)}` : `H${x}V${y(n)}`;
    });
    return (counts.at(-1) ?? 0) > 0 ? `${path}H${counts.length}` : path;
  };
  const about = `How many agents worked at once: at most ${integer(most)} in the time shown. The dashed line: how many waited.`;
  return (
    <div class="lanes-strip at-once lane-grid" title={about}>
      <div class="lane-who muted">
        <span class="line">Working at once · at most {integer(most)}</span>
      </div>
      <div class="lanes-strip-picture">
        <svg width={width} height={AT_ONCE_PX} role="img" aria-label={about}>
          <path class="at-once-area" d={`${steps(working)}V${AT_ONCE_PX}H0Z`} />
          <path class="at-once-working" d={steps(working)} />
          {waiting.some((n) => n > 0) && <path class="at-once-waiting" d={islands(waiting)} />}
        </svg>
      </div>
    </div>
  );
}
