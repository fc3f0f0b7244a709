// The canvas of the lanes as a component; it stays in sight while the rows scroll under it.
import { useEffect, useRef } from "preact/hooks";
import type { LaneModel } from "./model.ts";
import { LanePainter } from "./painter.ts";
import { followPointer } from "./pointer.ts";

export function LaneCanvas({ model }: { model: LaneModel }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const painter = new LanePainter(canvas.current!, model);
    const listening = new AbortController();
    followPointer(painter, listening.signal);
    return () => {
      listening.abort();
      painter.stop();
    };
  }, [model]);
  return (
    <div class="lane-canvas lane-grid" role="presentation">
      <div style={{ height: `${model.height}px` }}>
        <canvas ref={canvas} aria-hidden="true" />
      </div>
    </div>
  );
}
