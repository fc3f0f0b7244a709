// Time travel: a bar over the whole recorded history. Its thumb is the moment every view shows; it plays, steps
// from event to event, and at its right end is the present again.
import { type ReadonlySignal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { BusyTime } from "../lib/busy-time.ts";
import { ago, exactTime, stamp } from "../lib/format.ts";
import { useApp } from "../state/context.ts";
import { loadMoment } from "../state/older.ts";
import type { Store } from "../store/store.ts";

const SPEEDS = [1, 10, 60, 600] as const;
const BARS = 240;
/** The history is looked at again this often while it grows. */
const LOOK_MS = 2_000;
/** Nearer to the right end than this share of the bar is the present. */
const CATCH = 0.004;

/** Every instant that some row has. */
function instantsOf({ tables }: Store): number[] {
  const instants: number[] = [];
  const note = (at: number | null) => {
    if (at !== null) instants.push(at);
  };
  for (const span of tables.spans.list()) note(span.started_at);
  for (const call of tables.tool_calls.list()) note(call.at);
  for (const message of tables.messages.list()) note(message.at);
  for (const line of tables.logs.list()) note(line.at);
  for (const session of tables.sessions.list()) note(session.started_at); // they reach back further than what is held
  for (const task of tables.tasks.list()) {
    note(task.created_at);
    note(task.started_at);
    note(task.completed_at);
  }
  return instants;
}

function useHistory(live: Store): ReadonlySignal<BusyTime> {
  const look = useComputed(() => Math.floor(live.now.value / LOOK_MS));
  return useComputed(() => {
    look.value;
    return new BusyTime(instantsOf(live), live.now.peek());
  });
}

export function Travel() {
  const { live, ask, nav } = useApp();
  const history = useHistory(live);
  useSignalEffect(() => {
    if (nav.moment.value !== null && ask !== null) loadMoment(live, ask, nav.moment.value);
  });
  const speed = useSignal<number>(60);
  const playing = useSignal(false);
  const moment = nav.moment;

  const go = (at: number) => {
    const { place, to } = { place: history.peek().place(at), to: history.peek().to };
    moment.value = at >= to || place > 1 - CATCH ? null : Math.round(at);
    if (moment.value === null) playing.value = false;
  };

  useSignalEffect(() => {
    if (!playing.value) return;
    const factor = speed.value;
    let last = performance.now();
    let frame = requestAnimationFrame(function advance(now) {
      const at = moment.peek() ?? history.peek().from;
      go(history.peek().after(at, (now - last) * factor));
      last = now;
      if (playing.peek()) frame = requestAnimationFrame(advance);
    });
    return () => cancelAnimationFrame(frame);
  });

  const play = () => {
    if (!playing.value && moment.value === null) moment.value = history.value.from;
    playing.value = !playing.value;
  };

  const now = live.now.value;
  const at = moment.value;
  return (
    <div class="travel" role="group" aria-label="Time travel">
      <button type="button" class="button travel-play" aria-pressed={playing.value} onClick={play}>
        {playing.value ? "Stop" : "Play"}
      </button>
      <select
        class="menu"
        aria-label="How fast it plays"
        value={String(speed.value)}
        onChange={(event) => {
          speed.value = Number(event.currentTarget.value);
        }}
      >
        {SPEEDS.map((factor) => (
          <option key={factor} value={factor}>
            {factor} ×
          </option>
        ))}
      </select>
      <Bar history={history} go={go} />
      <span class="travel-time figures" title={at === null ? undefined : exactTime(at)}>
        {at === null ? <span class="muted">the present</span> : <strong>{stamp(at, now)}</strong>}
        {at !== null && <span class="muted travel-ago"> {ago(at, now)}</span>}
      </span>
      <button
        type="button"
        class="button"
        disabled={at === null}
        onClick={() => {
          playing.value = false;
          moment.value = null;
        }}
      >
        Live
      </button>
    </div>
  );
}

function Bar({ history, go }: { history: ReadonlySignal<BusyTime>; go: (at: number) => void }) {
  const { live, nav } = useApp();
  const track = useRef<HTMLDivElement>(null);
  const shape = useComputed(() => histogramPath(history.value.counts(BARS)));
  const cuts = useComputed(() =>
    history.value.pieces.slice(1).map(({ left }, i) => (history.value.pieces[i]!.right + left) / 2),
  );
  const at = nav.moment.value;
  const place = at === null ? 1 : history.value.place(at);

  const drag = (event: PointerEvent) => {
    const box = track.current!.getBoundingClientRect();
    go(history.peek().at(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const known = history.peek();
    const here = nav.moment.peek() ?? known.to;
    const jump = event.shiftKey ? 60_000 : 10_000;
    const to = {
      ArrowLeft: () => here - jump,
      ArrowRight: () => known.after(here, jump),
      ArrowUp: () => known.step(here, true),
      ArrowDown: () => known.step(here, false),
      Home: () => known.from,
      End: () => known.to,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(Math.max(known.from, to()));
  };
  return (
    <div
      ref={track}
      class="travel-bar"
      role="slider"
      tabIndex={0}
      aria-label="Moment"
      aria-valuemin={0}
      aria-valuemax={1000}
      aria-valuenow={Math.round(place * 1000)}
      aria-valuetext={at === null ? "the present" : stamp(at, live.now.value)}
      title="Drag to a moment. Arrows: 10 seconds, with Shift a minute; up and down: from event to event"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        drag(event);
      }}
      onPointerMove={(event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) drag(event);
      }}
      onKeyDown={onKeyDown}
    >
      <svg viewBox={`0 0 ${BARS} 20`} preserveAspectRatio="none" aria-hidden="true">
        <path d={shape.value} />
      </svg>
      {cuts.value.map((cut) => (
        <span key={cut} class="travel-cut" style={{ left: `${cut * 100}%` }} title="nothing happened for long" />
      ))}
      <span class="travel-thumb" style={{ left: `${place * 100}%` }} />
    </div>
  );
}

/** Bars from the ground up; a square root keeps a single event visible beside a thousand. */
function histogramPath(counts: readonly number[]): string {
  const most = Math.sqrt(Math.max(1, ...counts));
  return counts
    .map((count, i) =>
      count === 0 ? "" : `M${i} 20v${(-Math.max(2, (Math.sqrt(count) / most) * 18)).toFixed(1)}h1v20z`,
    )
    .join("");
}
