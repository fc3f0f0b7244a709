// The names over the lanes, which stay in sight: those of the agents on the lanes at the first row in sight.
import { plural } from "../lib/format.ts";
import { EVERYONE } from "../lib/names.ts";
import { StatusMark } from "../parts/status.tsx";
import { useApp } from "../state/context.ts";
import { alikeIn } from "../store/names.ts";
import type { Geometry } from "./geometry.ts";
import type { Flow, Stretch } from "./layout.ts";
import { inLines, nameOf } from "./words.ts";

interface LaneNameProps {
  readonly id: string;
  readonly lane: number;
  readonly geometry: Geometry;
  readonly lines: number;
  /** Nothing beside it needs the room. */
  readonly alone?: boolean;
  readonly role: "gridcell" | "columnheader";
}

/** As much of a name as fits, as a way to the agent. */
export function LaneName({ id, lane, geometry, lines, role, alone = false }: LaneNameProps) {
  const { store, nav } = useApp();
  const { agents } = store.tables;
  const name = nameOf(store, id);
  const agent = agents.rows.get(id);
  const parts = inLines(name, alone ? Infinity : geometry.characters, lines, alikeIn(store, id));
  const text = parts.map((line) => <div key={line}>{line}</div>);
  const style = { left: `${geometry.x(lane) - geometry.lane / 2}px`, width: `${geometry.lane}px` };
  return (
    <div role={role} class="flow-name" style={style}>
      {agent === undefined ? (
        <span title={name}>{text}</span>
      ) : (
        <button
          type="button"
          class="link"
          tabIndex={-1}
          title={`${name}, ${agent.status ?? "unknown"}`}
          onClick={() => nav.open("agents", id)}
        >
          <span class="visually-hidden">{name}</span>
          <span aria-hidden="true">{text}</span>
        </button>
      )}
      {role === "columnheader" && agent !== undefined && agent.role !== "human" && <StatusMark status={agent.status} />}
    </div>
  );
}

interface FlowHeadProps {
  readonly flow: Flow;
  readonly geometry: Geometry;
  /** The first row in sight. */
  readonly top: number;
}

export function FlowHead({ flow, geometry, top }: FlowHeadProps) {
  const { store } = useApp();
  const { others } = flow.lanes;
  const onLane = present(flow.lives, top);
  return (
    <div class="flow-names" role="row" aria-rowindex={1}>
      <div role="columnheader" class="flow-time">
        time
      </div>
      {onLane.map((id, lane) => {
        if (id === undefined) return null;
        if (id !== EVERYONE)
          return <LaneName key={lane} id={id} lane={lane} geometry={geometry} lines={2} role="columnheader" />;
        const left = `${geometry.x(lane) - geometry.lane / 2}px`;
        const names = others.slice(0, 30).map((other) => nameOf(store, other));
        return (
          <div key={lane} role="columnheader" class="flow-name" style={{ left, width: `${geometry.lane}px` }}>
            <span
              class="muted"
              title={`${plural(others.length, "agent")} for whom there was no lane at times: ${names.join(", ")}`}
            >
              others
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** Lane → the agent that has it at a row. */
function present(lives: readonly Stretch[], row: number): readonly (string | undefined)[] {
  const ids: string[] = [];
  for (const { id, lane, from, to } of lives) if ((from === 0 || from < row) && to >= row) ids[lane] = id;
  return Array.from(ids);
}
