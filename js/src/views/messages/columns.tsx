// The columns of the list of messages.
import { duration, longDuration, stamp, words } from "../../lib/format.ts";
import { AgentName } from "../../parts/agent-name.tsx";
import type { Column } from "../../parts/grid/types.ts";
import { KindPill } from "../../parts/kind.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { latencyOf, type Pairs, type Standing } from "../../sequence/pairs.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { MessagesRow } from "../../store/tables.ts";

type StandingOf = (row: MessagesRow) => Standing;

export const messageColumns = (store: Shown, pairs: Pairs, standing: StandingOf): readonly Column<MessagesRow>[] => [
  {
    key: "at",
    title: "time",
    min: 112,
    rank: 1,
    value: (row) => row.at,
    cell: (row) => <Time at={row.at} fits="clock" seconds />,
  },
  {
    key: "sender",
    title: "from → to",
    min: 150,
    wish: 260,
    grow: 3,
    value: (row) => row.sender && agentName(store, row.sender),
    cell: (row) => (
      <span class="route">
        <RouteEnd id={row.sender} store={store} />
        <span class="muted" aria-label="to">
          →
        </span>
        <RouteEnd id={row.recipient} store={store} />
      </span>
    ),
  },
  {
    key: "kind",
    title: "kind",
    min: 118,
    rank: 2,
    value: (row) => row.kind,
    cell: (row) => <KindPill kind={row.kind} />,
  },
  { key: "text", lead: true, title: "text", min: 120, wish: 200, grow: 5, cell: (row) => <Line text={row.text} /> },
  {
    key: "latency",
    title: "answered in",
    min: 86,
    rank: 3,
    end: true,
    value: (row) => latencyOf(pairs, row) ?? (standing(row) === null ? null : store.now.peek() - (row.at ?? 0)),
    cell: (row) => <Latency row={row} pairs={pairs} standing={standing(row)} store={store} />,
  },
];

/** The longer of two names gives way first, by far: a short one cut as well says nothing. */
function RouteEnd({ id, store }: { id: string | null; store: Shown }) {
  const length = id === null ? 0 : agentName(store, id).length;
  return (
    <span class="route-end" style={{ flexShrink: length ** 2 }}>
      <AgentName id={id} />
    </span>
  );
}

interface LatencyProps {
  readonly row: MessagesRow;
  readonly pairs: Pairs;
  readonly standing: Standing;
  readonly store: Shown;
}

/** How long an answer took; of what still waits for one, how long it has by now. */
function Latency({ row, pairs, standing, store }: LatencyProps) {
  if (standing !== null && row.at !== null) {
    const title = standing === "waiting" ? "waits for an answer" : "in work";
    return (
      <span class={`latency figures ${standing === "waiting" ? "ink-waiting" : ""}`} title={title}>
        <StatusMark status={standing} label={title} /> {longDuration(store.now.value - row.at)}
      </span>
    );
  }
  const question = pairs.answered.get(row.id);
  if (question === undefined) return null;
  const title = `after the ${words(question.kind)} at ${stamp(question.at, store.now.peek())}`;
  return (
    <span class="figures" title={title}>
      {duration(latencyOf(pairs, row))}
    </span>
  );
}
