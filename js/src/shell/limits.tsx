// Limits of plans that are nearly used up, or will be before they begin anew: a gauge of the nearest in the header,
// whose title has the others; else nothing.
import { useComputed } from "@preact/signals";
import { clock, percent } from "../lib/format.ts";
import { urgency } from "../lib/limits.ts";
import { oneLine } from "../lib/text.ts";
import { useApp } from "../state/context.ts";
import { aboutLimit, pacesOf } from "../state/limits.ts";

/** How often the pace is looked at, ms. */
const LOOK_MS = 10_000;

export function Limits() {
  const { store, nav } = useApp();
  const tick = useComputed(() => Math.floor(store.now.value / LOOK_MS));
  const near = useComputed(() => {
    tick.value;
    const now = store.now.peek();
    return pacesOf(store).filter((pace) => urgency(pace, now) !== null);
  });
  const now = store.now.peek();
  const title = near.value.map((pace) => aboutLimit(store, pace, now)).join("\n\n");
  return (
    <>
      {near.value.slice(0, 1).map((pace) => (
        <button
          key={pace.limit.id}
          type="button"
          class={`button gauge gauge-${urgency(pace, now)}`}
          title={title}
          onClick={() => nav.show("sessions", {})}
        >
          <span class="gauge-name">{oneLine(pace.limit.name ?? "limit")}</span>
          <span class="gauge-bar" aria-hidden="true">
            <span style={{ inlineSize: percent(pace.used) }} />
          </span>
          <span class="figures">{percent(pace.used)}</span>
          {pace.runsOutAt !== null && <span class="gauge-out figures">out {clock(pace.runsOutAt, now)}</span>}
        </button>
      ))}
    </>
  );
}
