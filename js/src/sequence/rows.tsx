// The rows of the sequence: the time, and the words of an arrow.
import { day, duration, exactTime, hourMinute, longDuration, timeOfDay } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";
import { StatusMark } from "../parts/status.tsx";
import { useApp } from "../state/context.ts";
import type { Message } from "../store/events.ts";
import { type Geometry, isNarrow, placeOfWords } from "./geometry.ts";
import { LaneName } from "./head.tsx";
import {
  type Flow,
  type FlowItem,
  type HeadsItem,
  type MessageItem,
  type PauseItem,
  recipientOf,
  senderOf,
} from "./layout.ts";
import { latencyOf, type Pairs, type Standing } from "./pairs.ts";
import { isForAll, kindOf, labelOf, nameOf, tooltipOf } from "./words.ts";

interface RowProps<I extends FlowItem> {
  readonly item: I;
  readonly domId: string;
  readonly index: number;
  readonly geometry: Geometry;
}

interface MessageProps extends RowProps<MessageItem> {
  readonly flow: Flow;
  readonly pairs: Pairs;
  readonly standing: Standing;
  readonly cursor: boolean;
  readonly selected: boolean;
  readonly fresh: boolean;
  readonly onChoose: () => void;
  readonly onFold: () => void;
}

export function MessageRow(props: MessageProps) {
  const { item, flow, geometry, pairs, standing } = props;
  const { store } = useApp();
  const { message } = item;
  const { others, count } = flow.lanes;
  const { way } = item;
  const from = geometry.x(way.from);
  const to = isForAll(message) ? from : geometry.x(way.to);
  const { end, ...place } = placeOfWords(from, to, geometry);
  const hidden = others.length > 0 && (way.from === count - 1 || (way.to === count - 1 && !isForAll(message)));
  const brief = hidden && isNarrow(geometry); // then who is worth more than what
  const names = ["row", "flow-row", props.cursor && "cursor", props.fresh && "fresh"];
  const took = item.folded ? null : latencyOf(pairs, message); // a run has as many latencies as messages
  const failed = message.kind === "error";
  return (
    <div
      id={props.domId}
      class={names.filter(Boolean).join(" ")}
      role="row"
      aria-rowindex={props.index}
      aria-selected={props.selected}
      aria-expanded={item.run === null ? undefined : !item.folded}
      aria-label={labelOf(store, item, pairs, standing)}
      title={tooltipOf(store, item, store.now.peek())}
      onClick={props.onChoose}
    >
      <div role="gridcell" class="flow-time figures" title={exactTime(message.at)}>
        {timeOfDay(message.at)}
      </div>
      <div role="gridcell" class={end ? "flow-words end" : "flow-words"} style={place}>
        <span class="flow-line">
          {item.run !== null && item.count > 1 && (
            <button
              type="button"
              class="flow-count"
              tabIndex={-1}
              aria-label={item.folded ? `show all ${item.count}` : `fold these ${item.count}`}
              onClick={(event) => {
                event.stopPropagation();
                props.onFold();
              }}
            >
              {item.folded ? "▸" : "▾"} ×{item.count}
            </button>
          )}
          {standing === "waiting" && <StatusMark status="waiting" />}
          {failed && <StatusMark status="failed" />}
          {!brief && (
            <span class={`flow-kind ${standing === "waiting" ? "ink-waiting" : failed ? "ink-failed" : ""}`}>
              {kindOf(message)}
            </span>
          )}
          {hidden && (
            <span class="flow-kind flow-ends">
              {nameOf(store, senderOf(message))}
              {!isForAll(message) && ` → ${nameOf(store, recipientOf(message))}`}
            </span>
          )}
          {took !== null && !brief && <span class="flow-kind figures">after {duration(took)}</span>}
          {standing !== null && <Since message={message} waits={standing === "waiting"} />}
          {message.text !== null && <span class="flow-text">{oneLine(message.text)}</span>}
        </span>
      </div>
    </div>
  );
}

/** On its own, as it ticks. */
function Since({ message, waits }: { message: Message; waits: boolean }) {
  const now = useApp().store.now.value;
  if (message.at === null) return null;
  return (
    <span class={`flow-kind figures ${waits ? "ink-waiting" : ""}`}>
      {waits ? "waits" : "in work"} {longDuration(now - message.at)}
    </span>
  );
}

export function PauseRow({ item, domId, index }: RowProps<PauseItem>) {
  const parts = [item.ms !== null && `${longDuration(item.ms)} quiet`, item.day !== null && day(item.day)];
  const from = item.day === null ? "" : `, then ${day(item.day)} ${hourMinute(item.day)}`;
  return (
    <div id={domId} class="row flow-row flow-pause" role="row" aria-rowindex={index} title={`no messages${from}`}>
      <span role="gridcell">{parts.filter(Boolean).join(" · ")}</span>
    </div>
  );
}

export function HeadsRow({ item, domId, index, geometry }: RowProps<HeadsItem>) {
  return (
    <div id={domId} class="row flow-row flow-heads" role="row" aria-rowindex={index}>
      {item.heads.map(({ id, lane }) => (
        <LaneName
          key={id}
          id={id}
          lane={lane}
          geometry={geometry}
          lines={2}
          role="gridcell"
          alone={item.heads.length === 1}
        />
      ))}
    </div>
  );
}
