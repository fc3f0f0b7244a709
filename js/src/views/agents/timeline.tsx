// The timeline: the lanes over the whole height, how many worked at once above them, who worked for whom between.
import { useRef } from "preact/hooks";
import { Lanes } from "../../lanes/lanes.tsx";
import { ROW } from "../../lanes/layout.ts";
import { useQuiet, windowOf } from "../../lanes/quiet.ts";
import { useSize } from "../../parts/size.ts";
import { useApp } from "../../state/context.ts";
import type { AgentsRow } from "../../store/tables.ts";

/** What stands above the lanes, px: the head, the axis and the strip. */
const ABOVE_PX = 108;

/** `only`: the agents that passed search and filters, null when all did. */
export function Timeline({ only }: { only: readonly AgentsRow[] | null }) {
  const { store, nav } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const { height } = useSize(box);
  const window = windowOf(nav, store, "timeline");
  useQuiet(store, window);
  return (
    <div ref={box} class="timeline">
      <Lanes
        store={store}
        nav={nav}
        window={window}
        most={Math.max(3, (height - ABOVE_PX) / ROW)}
        only={only}
        detailed
      />
    </div>
  );
}
