// The overview: what needs a person, figures, lanes, the latest messages and the tasks in hand.
import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Figure } from "../../charts/figure.tsx";
import { withMargin } from "../../lanes/extent.ts";
import { Lanes } from "../../lanes/lanes.tsx";
import { ROW } from "../../lanes/layout.ts";
import { useQuiet, windowOf } from "../../lanes/quiet.ts";
import type { TimeWindow } from "../../lanes/window.ts";
import { SECOND } from "../../lib/durations.ts";
import { day, hourMinute, longDuration, words } from "../../lib/format.ts";
import type { Pace } from "../../lib/limits.ts";
import { CopyButton } from "../../parts/copy.tsx";
import { useSize } from "../../parts/size.ts";
import { useApp } from "../../state/context.ts";
import { aboutLimit, briefly, pacesOf } from "../../state/limits.ts";
import type { Nav } from "../../state/nav.ts";
import { eventsOf } from "../../store/events.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import { Attention } from "./attention.tsx";
import { agentsFigure, errorsFigure, type FigureData, tasksFigure } from "./figures.ts";
import { LatestMessages, TasksInHand } from "./lists.tsx";
import { paceFigure, worthFigure } from "./rates.ts";

interface Props {
  store: Shown;
  nav: Nav;
}

export function Overview() {
  const { store, nav } = useApp();
  const empty = useComputed(() => {
    const { agents, tasks, messages } = store.tables;
    return [agents, tasks, messages].every((table) => (table.version.value, table.rows.size === 0));
  });
  return empty.value ? <Nothing store={store} /> : <Zones store={store} nav={nav} />;
}

function Zones({ store, nav }: Props) {
  const zones = useRef<HTMLDivElement>(null);
  const above = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(zones);
  const { height: top } = useSize(above);
  const window = windowOf(nav, store, "overview");
  // Lists that do not fit below would cut the lanes in two; they have tabs of their own. Narrow, all of it scrolls as one.
  const slim = width >= BESIDE_FROM_PX && height > 0 && height - top < LANES_HEAD + FEWEST * ROW + LISTS_LEAST;
  return (
    <div ref={zones} class="overview">
      <div ref={above}>
        <Attention store={store} nav={nav} />
        <Figures store={store} nav={nav} window={window} />
        <Quiet store={store} window={window} />
      </div>
      <Lanes
        store={store}
        nav={nav}
        window={window}
        most={slim ? lanesIn(height - top, FEWEST_ALONE) : lanesIn(height - top - LISTS, FEWEST)}
      />
      {!slim && <Lists store={store} nav={nav} burndown={width >= BURNDOWN_FROM_PX} />}
    </div>
  );
}

/** What stands above the rows of the lanes, px; what the lists below them are given, and what they need at least. */
const LANES_HEAD = 84;
const LISTS = 169;
const LISTS_LEAST = 85;
/** Lanes that are shown at least, above the lists and without them, and at most. */
const FEWEST = 5;
const FEWEST_ALONE = 3;
const MOST = 16;

/** From this width on the lists stand beside each other. */
const BESIDE_FROM_PX = 760;

/** Narrower, the tasks themselves need the room; the figure has the estimate anyway. */
const BURNDOWN_FROM_PX = 1100;

function lanesIn(height: number, fewest: number): number {
  return Math.min(MOST, Math.max(fewest, Math.floor((height - LANES_HEAD) / ROW)));
}

function Figures({ store, nav, window }: Props & { window: TimeWindow }) {
  const index = eventsOf(store);
  // The figures are of the second: rows may change many times in one, and nobody reads faster.
  const second = useComputed(() => Math.floor(store.now.value / SECOND));
  const edge = useComputed(() => (window.follows.value ? second.value * SECOND : window.to.value));
  const figures = useComputed(() => {
    second.value;
    const now = store.now.peek();
    const stretch = { from: edge.value - window.length.value, to: window.follows.value ? now : edge.value, now };
    const { agents, tasks, usage, quality, tool_calls, logs } = store.tables;
    const rows = agents.list();
    const running = pacesOf(store);
    return [
      agentsFigure(rows, index.peek(), stretch),
      tasksFigure(tasks.list(), stretch),
      withLimits(paceFigure(rows, usage.list(), index.peek(), stretch), store, running, now),
      worthFigure(rows, usage.list(), quality.list(), index.peek(), now),
      errorsFigure(tool_calls.list(), logs.list(), stretch, (id) => agentName(store, id)),
    ];
  });
  return (
    <div class="five">
      {figures.value.map(({ view, filter = {}, during = null, ...figure }) => (
        <Figure key={figure.label} {...figure} onOpen={() => nav.show(view, { filter, stretch: during })} />
      ))}
    </div>
  );
}

/** The figure of pace, with the limits of plans that run. */
function withLimits(figure: FigureData, store: Shown, running: readonly Pace[], now: number): FigureData {
  const [first] = running;
  if (first === undefined) return figure;
  const about = running.map((pace) => aboutLimit(store, pace, now)).join("\n\n");
  return {
    ...figure,
    // Nobody can tell what a number of tokens is of a limit whose size is not known.
    note: first.used === null ? figure.note : `${figure.note.replace(" now", "")} · ${briefly(first)}`,
    about: `${figure.about}\n\n${about}`,
  };
}

/** An old workspace opens on its last active stretch, and on now again as soon as something happens. */
function Quiet({ store, window }: { store: Shown; window: TimeWindow }) {
  const stretch = useQuiet(store, window).value;
  if (stretch === null) return null;
  const [first, last] = stretch;
  const [from, to] = withMargin(stretch);
  const shown = window.from.value === from && window.to.value === to;
  return (
    <p class="quiet muted">
      Nothing happened in the last 15 minutes. Last activity {day(last)}, {hourMinute(last)}
      {shown ? `; shown are the ${longDuration(last - first)} before it.` : "."}
      {!shown && (
        <button type="button" class="button" onClick={() => window.show(from, to)}>
          show it
        </button>
      )}
    </p>
  );
}

function Lists({ store, nav, burndown }: Props & { burndown: boolean }) {
  const index = eventsOf(store).value;
  const { tasks } = store.tables;
  tasks.version.value;
  // Where nobody keeps a task list, the messages need not make room for one.
  const alone = tasks.rows.size === 0;
  return (
    <div class={`overview-lists ${alone ? "alone" : ""}`}>
      <LatestMessages store={store} nav={nav} index={index} />
      {!alone && <TasksInHand store={store} nav={nav} burndown={burndown} />}
    </div>
  );
}

/** No rows at all: where was looked, what of it is not there, and what would change that. */
function Nothing({ store }: { store: Shown }) {
  const sources = store.sources.value;
  return (
    <div class="empty nothing">
      <p class="empty-title">No agent has left anything here yet.</p>
      {sources.length > 0 && (
        <table class="places">
          <caption class="muted">{sources.length === 1 ? "This place is watched" : "These places are watched"}</caption>
          <tbody>
            {sources.map(({ name, path, state }) => (
              <tr key={path}>
                <td class="muted">{state === "missing" ? "✕" : "✓"}</td>
                <th scope="row">{words(name)}</th>
                <td>
                  <code>{path}</code>
                </td>
                <td class="muted">{state === "missing" ? "not there" : "nothing in it"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p>
        Start an agent as always: its first line appears here within seconds. It writes somewhere else? Name the place;
        or look at a simulated team first.
      </p>
      <ul class="plain ways">
        {WAYS.map(([what, line]) => (
          <li key={line}>
            <span class="muted">{what}</span>
            <code>{line}</code>
            <CopyButton text={line}>Copy</CopyButton>
          </li>
        ))}
      </ul>
    </div>
  );
}

const WAYS = [
  ["in a cell", 'dash = aw.watch("path/to/memory", "~/.claude")'],
  ["in a shell", "agent-widget serve path/to/memory --open"],
  ["a simulated team", "agent-widget demo"],
  ["what is found here", "agent-widget doctor"],
] as const;
