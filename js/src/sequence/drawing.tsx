// The drawing behind the rows in sight: lifelines, stretches of work on them, and the arrows.
import { ARROW, type Geometry, ROW } from "./geometry.ts";
import type { Flow, MessageItem, Stretch } from "./layout.ts";
import type { Standing } from "./pairs.ts";
import { isForAll } from "./words.ts";

const HEAD = 6;
const BAR = 5;
const NESTED = 3;
const DEEPEST = 3;

interface DrawingProps {
  readonly flow: Flow;
  readonly first: number;
  readonly last: number;
  readonly geometry: Geometry;
  readonly standing: (item: MessageItem) => Standing;
}

export function Drawing({ flow, first, last, geometry, standing }: DrawingProps) {
  const height = (last - first) * ROW;
  const { x } = geometry;
  const isSeen = ({ from, to }: Stretch) => to >= first && from < last;
  const y = (row: number) => (row - first) * ROW + ARROW;
  const top = (row: number) => Math.max(0, y(row));
  const bottom = (row: number) => Math.min(height, y(row));
  return (
    <svg class="flow-drawing" width={geometry.area} height={height} aria-hidden="true">
      {flow.lives.filter(isSeen).map(({ id, lane, from, to }) => (
        <line
          key={`${id} ${from}`}
          class="flow-life"
          x1={x(lane)}
          x2={x(lane)}
          y1={from === 0 ? Math.max(0, -first * ROW) : top(from)}
          y2={bottom(to)}
        />
      ))}
      {flow.works.filter(isSeen).map(({ id, lane, from, to, depth, status }) => (
        <rect
          key={id}
          class={`flow-work ${status ?? ""}`}
          x={x(lane) - BAR / 2 + Math.min(depth, DEEPEST) * NESTED}
          y={top(from)}
          width={BAR}
          height={Math.max(2, bottom(to) - top(from))}
        />
      ))}
      {flow.items.slice(first, last).map((item, i) => {
        if (item.type !== "message") return null;
        const { message } = item;
        const state = standing(item);
        const tone = state === "waiting" ? "waiting" : message.kind === "error" ? "failed" : "";
        return (
          <g key={item.id} class={`flow-arrow ${tone}`}>
            <Arrow item={item} geometry={geometry} y={i * ROW + ARROW} />
          </g>
        );
      })}
    </svg>
  );
}

interface ArrowProps {
  readonly item: MessageItem;
  readonly geometry: Geometry;
  readonly y: number;
}

function Arrow({ item: { message, way: lanes }, geometry, y }: ArrowProps) {
  const { x } = geometry;
  const from = x(lanes.from);
  if (isForAll(message)) {
    const left = x(0) - 8;
    const right = x(geometry.lanes - 1) + 8;
    return (
      <>
        <path class="flow-all" d={`M${left} ${y}H${right}`} />
        <path d={`M${left} ${y - 4}V${y + 4}M${right} ${y - 4}V${y + 4}`} />
        <circle cx={from} cy={y} r="3" />
      </>
    );
  }
  const to = x(lanes.to);
  if (from === to) {
    const out = from + 16;
    return (
      <>
        <path d={`M${from} ${y - 6}H${out}V${y}H${from + 4}`} />
        <path class="flow-head" d={head(from + 3, y, -1)} />
      </>
    );
  }
  const way = Math.sign(to - from);
  const tip = to - way * (BAR / 2 + 1);
  return (
    <>
      <path d={`M${from} ${y}H${tip - way * HEAD}`} />
      <path class="flow-head" d={head(tip, y, way)} />
    </>
  );
}

const head = (x: number, y: number, way: number): string => `M${x} ${y}l${-way * HEAD} -3.5v7Z`;
