// The lanes: one row an agent, time running to now, the bar is the status, ticks are tool calls, curves are
// messages. The window of time is the caller's, so that figures beside the lanes count the same minutes.
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { useSize } from "../parts/size.ts";
import type { Nav } from "../state/nav.ts";
import type { Agent } from "../store/events.ts";
import type { Shown } from "../store/store.ts";
import { LanesBrush } from "./brush.tsx";
import { LaneCanvas } from "./canvas.tsx";
import { LanesAxis, LanesHead } from "./head.tsx";
import { KEYS_HINT, onLaneKey } from "./keys.ts";
import { ROW } from "./layout.ts";
import { LaneModel } from "./model.ts";
import { knowsContext, LaneRows, LaneTable, rowId } from "./rows.tsx";
import { AtOnceStrip, Pulse } from "./strips.tsx";
import { LaneTip } from "./tip.tsx";
import type { TimeWindow } from "./window.ts";

export interface LanesProps {
  readonly store: Shown;
  readonly nav: Nav;
  readonly window: TimeWindow;
  /** How many rows stand before the rest is scrolled to. */
  readonly most: number;
  /** The whole picture: how many worked at once, who worked for whom, what was waited for, a brush for the time. */
  readonly detailed?: boolean;
  /** Of all agents, only these; null: all. */
  readonly only?: readonly Agent[] | null;
}

/** Beside other zones there is room for few; in a view of their own, for some more. */
const FOLD_OVER = { brief: 2, detailed: 5 };

export function Lanes({ store, nav, window, most, detailed = false, only = null }: LanesProps) {
  const model = useMemo(() => {
    const fold = detailed ? FOLD_OVER.detailed : FOLD_OVER.brief;
    return new LaneModel(store, nav, window, { fold, detailed });
  }, [store, nav, window, detailed]);
  useLayoutEffect(() => {
    model.most.value = most;
    model.only.value = only && new Set(only.map(({ id }) => id));
  }, [model, most, only]);
  const name = knowsContext(model.rows.value) ? "lanes" : "lanes without-context";
  return (
    <section class={name} aria-label="Agents over time">
      <LanesHead model={model} />
      <Stage model={model} />
      <LaneTable model={model} />
    </section>
  );
}

function Stage({ model }: { model: LaneModel }) {
  const times = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { width } = useSize(times);
  const rows = model.rows.value;
  const lit = model.lit;
  return (
    <>
      <div class="lanes-top">
        <LanesAxis model={model} width={width} times={times} />
        {model.options.detailed ? <AtOnceStrip model={model} width={width} /> : <Pulse model={model} width={width} />}
        {model.options.detailed && <LanesBrush model={model} width={width} />}
      </div>
      <div class="lanes-stage">
        <div
          ref={scroller}
          class="lanes-body"
          role="listbox"
          tabIndex={0}
          aria-label={`Lanes. ${KEYS_HINT}`}
          aria-activedescendant={lit === null ? undefined : rowId(lit)}
          style={{ maxHeight: `${model.height}px` }}
          onScroll={(event) => (model.scrollTop.value = event.currentTarget.scrollTop)}
          onKeyDown={(event) => onLaneKey(event, model, scroller.current!)}
        >
          <div class="lanes-rows" role="presentation" style={{ height: `${rows.length * ROW}px` }}>
            <LaneCanvas model={model} />
            <LaneRows model={model} />
          </div>
        </div>
        <div class="lanes-over lane-grid">
          <div>
            {rows.length === 0 && <p class="muted">No agent did anything in this stretch of time.</p>}
            <LaneTip model={model} width={width} />
          </div>
        </div>
      </div>
    </>
  );
}
