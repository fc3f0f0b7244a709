// The sequence of messages: a lane for each agent, time running down, the newest at the end and followed as in a
// log: what answers stands under what was asked, as in every sequence diagram. Only the rows in sight exist.
import type { Signal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { integer } from "../lib/format.ts";
import { useFresh } from "../parts/fades.ts";
import { useHeld } from "../parts/grid/held.ts";
import { useSize } from "../parts/size.ts";
import { useApp } from "../state/context.ts";
import type { Message } from "../store/events.ts";
import { Drawing } from "./drawing.tsx";
import { capacityOf, geometryOf, ROW, TIME } from "./geometry.ts";
import { FlowHead } from "./head.tsx";
import { type FlowItem, layFlow, type MessageItem } from "./layout.ts";
import type { Pairs, Standing } from "./pairs.ts";
import { HeadsRow, MessageRow, PauseRow } from "./rows.tsx";

const OVERSCAN = 6;
const HEAD_PX = 50;

interface SequenceProps {
  readonly label: string;
  /** In the order of time. */
  readonly messages: readonly Message[];
  readonly pairs: Pairs;
  readonly standing: (message: Message) => Standing;
  /** Stands for the filter: when it changes, new messages are not held back. */
  readonly question: string;
  readonly changedAt: ReadonlyMap<string, number>;
  readonly unfolded: Signal<ReadonlySet<string>>;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
}

export function Sequence(props: SequenceProps) {
  const { messages, pairs, standing, selected, unfolded } = props;
  const { store } = useApp();
  const { agents } = store.tables;
  const scroller = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(scroller);
  const [top, setTop] = useState(0);
  const [atEnd, setAtEnd] = useState(true);
  const [active, setActive] = useState<string | null>(null);
  const prefix = useId();
  const isFresh = useFresh(props.changedAt);
  const { shown, waiting, release } = useHeld(messages, {
    holding: !atEnd,
    question: props.question,
    latest: store.tables.messages.rows,
  });

  const capacity = capacityOf(width);
  const open = unfolded.value;
  const who = agents.version.value;
  const flow = useMemo(
    () =>
      layFlow({
        messages: shown,
        pairs,
        agents: agents.rows,
        capacity,
        standing,
        isUnfolded: (run) => open.has(run),
        selected,
      }),
    // `shown` is a new array while it is held; what it holds changes with the pairs.
    [waiting > 0 || !atEnd ? shown.length : shown, pairs, who, capacity, open, selected],
  );
  const { items } = flow;
  const geometry = geometryOf(width, flow.lanes);
  const first = Math.max(0, Math.min(Math.floor(top / ROW), items.length) - OVERSCAN); // a filter takes rows away
  const last = Math.min(items.length, Math.ceil((top + height - HEAD_PX) / ROW) + OVERSCAN);
  const cursor = active ?? selected;
  const standingOfItem = (item: MessageItem): Standing => standing(item.message);

  const reveal = (row: number) => {
    const element = scroller.current;
    if (element === null) return;
    const y = row * ROW;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + HEAD_PX + 3 * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = y + HEAD_PX + 3 * ROW - element.clientHeight; // clear of the button at the end
    }
  };

  useEffect(() => {
    if (selected === null) return;
    setActive(selected);
    setAtEnd(false);
    const row = items.findIndex((item) => item.id === selected);
    if (row >= 0) reveal(row);
  }, [selected, height, flow.lanes.count]);

  useLayoutEffect(() => {
    const row = items.findIndex((item) => item.id === active);
    if (row >= 0) reveal(row);
  }, [open]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    if (atEnd) element.scrollTop = element.scrollHeight;
    else if (element.scrollHeight <= element.clientHeight) setAtEnd(true); // nothing is left to scroll to
  });

  const onScroll = () => {
    const element = scroller.current!;
    setTop(element.scrollTop);
    setAtEnd(element.scrollHeight - element.scrollTop - element.clientHeight < ROW);
  };

  const fold = (run: string | null, open: boolean) => {
    if (run === null) return;
    const runs = new Set(unfolded.value);
    if (open) runs.add(run);
    else runs.delete(run);
    unfolded.value = runs;
    setAtEnd(false); // what is opened stays where it is
  };

  const choose = (item: MessageItem) => {
    setActive(item.id);
    if (item.folded) fold(item.run, true);
    else props.onSelect(item.id);
  };

  const toggle = (item: MessageItem, open: boolean) => {
    if (!open && selected !== null && item.run !== null) props.onSelect(null); // a selected one would keep it open
    setActive(item.run ?? item.id);
    fold(item.run, open);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = items.findIndex((item) => item.id === cursor);
    const item = items[at];
    const page = Math.max(1, Math.floor((height - HEAD_PX) / ROW) - 2);
    const moves: Record<string, readonly [to: number, way: 1 | -1]> = {
      ArrowDown: [at + 1, 1],
      ArrowUp: [at < 0 ? items.length - 1 : at - 1, -1],
      PageDown: [at + page, 1],
      PageUp: [at - page, -1],
      Home: [0, 1],
      End: [items.length - 1, -1],
    };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      const row = nearest(items, ...move);
      if (row === null) return;
      setActive(items[row]!.id);
      reveal(row);
      if (selected !== null && !(items[row] as MessageItem).folded) props.onSelect(items[row]!.id);
    } else if (event.key === "Enter" || event.key === " ") {
      if (item?.type === "message") choose(item);
      event.preventDefault();
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      if (item?.type === "message") toggle(item, event.key === "ArrowRight");
    } else if (event.key === "Escape" && selected !== null) {
      event.preventDefault();
      props.onSelect(null);
    }
  };

  const toEnd = () => {
    release();
    setAtEnd(true);
  };

  const seen = items.slice(first, last);
  const cursorSeen = seen.some((item) => item.id === cursor);
  return (
    <div class="grid flow">
      <div
        ref={scroller}
        class="grid-scroller"
        role="grid"
        tabIndex={0}
        aria-label={props.label}
        aria-rowcount={items.length + 1}
        aria-activedescendant={cursorSeen ? `${prefix}${cursor}` : undefined}
        style={{ "--flow-time": `${TIME}px` }}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <FlowHead flow={flow} geometry={geometry} top={Math.floor(top / ROW)} />
        <div role="presentation" class="flow-body" style={{ height: `${items.length * ROW}px` }}>
          <div role="presentation" class="flow-window" style={{ transform: `translateY(${first * ROW}px)` }}>
            <Drawing flow={flow} first={first} last={last} geometry={geometry} standing={standingOfItem} />
            {seen.map((item, i) => {
              const place = { domId: `${prefix}${item.id}`, index: first + i + 2, geometry };
              if (item.type === "pause") return <PauseRow key={item.id} item={item} {...place} />;
              if (item.type === "heads") return <HeadsRow key={item.id} item={item} {...place} />;
              return (
                <MessageRow
                  key={item.id}
                  item={item}
                  {...place}
                  flow={flow}
                  pairs={pairs}
                  standing={standing(item.message)}
                  cursor={item.id === cursor}
                  selected={item.id === selected}
                  fresh={isFresh(item.id)}
                  onChoose={() => choose(item)}
                  onFold={() => toggle(item, item.folded)}
                />
              );
            })}
          </div>
        </div>
      </div>
      {!atEnd && (
        <button type="button" class="button waiting at-end" onClick={toEnd}>
          {waiting > 0 ? `${integer(waiting)} new` : "to the newest"} ↓
        </button>
      )}
    </div>
  );
}

/** The message at a row, or the next one in the direction of the move, else the last before. */
function nearest(items: readonly FlowItem[], row: number, way: 1 | -1): number | null {
  const start = Math.min(items.length - 1, Math.max(0, row));
  for (const step of [way, -way]) {
    for (let i = start; i >= 0 && i < items.length; i += step) if (items[i]!.type === "message") return i;
  }
  return null;
}
