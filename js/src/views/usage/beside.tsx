// Beside the bars: how fast it goes now, and how much of each running limit of a plan is used.
import { Bar } from "../../charts/bar.tsx";
import { HOUR, MINUTE } from "../../lib/durations.ts";
import { clock, money, percent, short } from "../../lib/format.ts";
import { urgency } from "../../lib/limits.ts";
import { oneLine } from "../../lib/text.ts";
import { perMinute } from "../../lib/usage.ts";
import { useApp } from "../../state/context.ts";
import { aboutLimit, pacesOf } from "../../state/limits.ts";
import type { UsageRow } from "../../store/tables.ts";

/** Limits shown; the nearest to its end is the first. */
const MOST = 3;

export function Beside({ rows }: { rows: readonly UsageRow[] }) {
  const { store } = useApp();
  const now = store.now.value;
  const rate = perMinute(rows, now);
  const paces = pacesOf(store);
  return (
    <section class="usage-beside" aria-label="Pace and limits">
      <section title="Over this quarter of an hour and the one before, of what is filtered">
        <h3 class="muted">Now</h3>
        {rate === null ? (
          <p>nothing used in the last quarter of an hour</p>
        ) : (
          <p>
            <strong>{short(rate.tokens)}</strong> tokens / min
            {rate.cost !== null && (
              <>
                {" · "}
                <strong>{money((rate.cost * HOUR) / MINUTE, rate.unpriced)}</strong>&nbsp;/&nbsp;h
              </>
            )}
          </p>
        )}
      </section>
      {paces.slice(0, MOST).map((pace) => {
        const { limit, used, runsOutAt, amount } = pace;
        const worry = urgency(pace, now);
        const ink = worry === null ? "" : worry === "urgent" ? "ink-failed" : "ink-waiting";
        const color = worry === null ? undefined : `var(--aw-${worry === "urgent" ? "failed" : "waiting"})`;
        return (
          <section key={limit.id} title={aboutLimit(store, pace, now)}>
            <h3 class="muted line">{oneLine([limit.source, limit.name, limit.account].filter(Boolean).join(" · "))}</h3>
            {used !== null && <Bar part={used} {...(color !== undefined && { color })} />}
            <p>
              <strong class={ink}>{used === null ? `${short(amount.tokens)} tokens` : `${percent(used)} used`}</strong>
              {used === null && <span class="muted"> of a limit whose size is not known</span>}
              {runsOutAt !== null && <span class={ink}> · used up {clock(runsOutAt, now)}</span>}
              <span class="muted"> · anew {clock(limit.resets_at!, now)}</span>
            </p>
          </section>
        );
      })}
      {paces.length === 0 && <p class="muted">No limit of a plan is known to run.</p>}
    </section>
  );
}
