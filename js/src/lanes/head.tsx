// Above the lanes: how many agents are shown, what the signs mean, which time is shown, and its axis.
import type { RefObject } from "preact";
import { HOUR, MINUTE } from "../lib/durations.ts";
import { day, integer, plural, timeOfDay } from "../lib/format.ts";
import { axisLabels } from "./axis.ts";
import { extent } from "./extent.ts";
import { ROW } from "./layout.ts";
import type { LaneModel } from "./model.ts";
import { knowsContext, knowsCost } from "./rows.tsx";
import { USUAL_LENGTH } from "./window.ts";

const LENGTHS: readonly [string, number][] = [
  ["5 min", 5 * MINUTE],
  ["15 min", USUAL_LENGTH],
  ["1 h", HOUR],
  ["6 h", 6 * HOUR],
];

export function LanesHead({ model }: { model: LaneModel }) {
  const shown = model.rows.value.length;
  const all = model.agents.value;
  const rest = shown - Math.round((model.scrollTop.value + model.height) / ROW);
  return (
    <div class="lanes-head">
      <h3>
        {shown === all ? plural(all, "agent") : `${integer(shown)} of ${plural(all, "agent")}`}
        {rest > 0 && `, ${integer(rest)} below`}
      </h3>
      <Legend detailed={model.options.detailed} crowded={model.crowded} cut={model.cuts.value.length > 0} />
      <Lengths model={model} />
    </div>
  );
}

function Legend({ detailed, crowded, cut }: { detailed: boolean; crowded: boolean; cut: boolean }) {
  return (
    <ul class="lanes-legend muted" aria-hidden="true">
      {["working", "waiting", "idle"].map((status) => (
        <li key={status}>
          <i class={`swatch swatch-${status}`} />
          {status}
        </li>
      ))}
      <li>
        <i class="swatch-tick" />
        tool call
      </li>
      <li>
        <i class="swatch-error" />
        error
      </li>
      <li>
        <i class="swatch-curve" />
        {crowded ? "messages of the lane pointed at" : "message"}
      </li>
      {cut && (
        <li>
          <i class="swatch-cut" />
          silence left out
        </li>
      )}
      {detailed && (
        <li>
          <i class="swatch-link">↓</i>
          started, <i class="swatch-link">↑</i> ended
        </li>
      )}
    </ul>
  );
}

function Lengths({ model: { window, index } }: { model: LaneModel }) {
  const showAll = (): void => {
    const ends = extent(index.peek(), window.now.peek());
    if (ends !== null) window.show(ends[0], Math.max(ends[1], ends[0] + MINUTE));
  };
  return (
    <div class="lanes-lengths" role="group" aria-label="Time shown">
      {!window.follows.value && (
        <button type="button" class="button" onClick={() => window.follow()}>
          back to now
        </button>
      )}
      {LENGTHS.map(([label, length]) => (
        <button
          key={label}
          type="button"
          class="lanes-length"
          aria-pressed={window.follows.value && window.length.value === length}
          onClick={() => window.follow(length)}
        >
          {label}
        </button>
      ))}
      <button type="button" class="lanes-length" onClick={showAll}>
        all
      </button>
    </div>
  );
}

interface AxisProps {
  readonly model: LaneModel;
  readonly width: number;
  /** The column of the times, which is as wide as that of the lanes. */
  readonly times: RefObject<HTMLDivElement | null>;
}

export function LanesAxis({ model, width, times }: AxisProps) {
  const { from, to, follows } = model.window;
  const rows = model.rows.value;
  const scale = model.scale(width);
  return (
    <div class="lanes-axis lane-grid muted" aria-hidden="true">
      <div class="lane-who">{daysOf(from.value, to.value, model.window.now.peek())}</div>
      <div ref={times} class="lanes-times">
        {axisLabels(scale, follows.value).map(({ at, x, text }) => (
          <span key={at} style={{ left: `${x}px` }}>
            {text}
          </span>
        ))}
        {follows.value && <span class="lanes-now">{model.store.past ? timeOfDay(model.window.now.value) : "now"}</span>}
      </div>
      <div class="lane-doing">doing</div>
      {knowsContext(rows) && <div class="lane-context">context</div>}
      <div class="lane-cost">{knowsCost(rows) ? "cost" : "tools"}</div>
    </div>
  );
}

/** The day or days shown, where that is not simply today. */
function daysOf(from: number, to: number, now: number): string {
  const [first, last] = [day(from), day(to)];
  if (first !== last) return `${first} – ${last}`;
  return first === day(now) ? "" : first;
}
