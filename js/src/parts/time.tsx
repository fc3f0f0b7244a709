// A moment, as a clock time or as an age; the tooltip has the other, to the millisecond.
import { ago, agoAtMost, exactTime, stamp, when, whenWithin } from "../lib/format.ts";
import { useApp } from "../state/context.ts";
import { times } from "../state/times.ts";

interface TimeProps {
  readonly at: number | null;
  /** What suits this column, where the person has not chosen. */
  readonly fits: "clock" | "ago";
  /** Seconds matter on earlier days too. */
  readonly seconds?: boolean;
  /** So many milliseconds from `at` on may it have been. */
  readonly within?: number;
  /** In other words than "12 s ago". */
  readonly age?: (ms: number) => string;
  /** What happened then. */
  readonly what?: string;
}

export function Time({ at, fits, seconds = false, within = 0, age, what }: TimeProps) {
  const { store } = useApp();
  if (at === null) return <span class="muted">–</span>;
  const way = times.value === "fits" ? fits : times.value;
  const now = store.now.value;
  const exact = what === undefined ? exactTime(at) : `${what} ${exactTime(at)}`;
  let text = age?.(now - at) ?? (within > 0 ? agoAtMost(at, now) : ago(at, now));
  if (way === "clock") text = within > 0 ? whenWithin(at, within, now) : seconds ? stamp(at, now) : when(at, now);
  return (
    <span
      class="muted figures"
      title={exact}
      onPointerEnter={(event) => {
        event.currentTarget.title = `${exact}, ${ago(at, store.now.peek())}`; // not at each tick for every row
      }}
    >
      {text}
    </span>
  );
}
