// The feed of one agent: its calls, messages, statuses and what others reported to it, merged, the newest last. It stays at
// its end until the reader scrolls up.
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { callText } from "../../lib/call-text.ts";
import { duration, integer, words } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { KindPill } from "../../parts/kind.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { useApp } from "../../state/context.ts";
import {
  type Call,
  callAt,
  type Events,
  eventsOf,
  type Message,
  messageAt,
  type Span,
  spanStart,
} from "../../store/events.ts";
import { agentName } from "../../store/names.ts";
import type { AgentsRow } from "../../store/tables.ts";

const FIRST = 40;
const END_PX = 12;

export type Item =
  | { readonly what: "call"; readonly at: number; readonly row: Call }
  | { readonly what: "message"; readonly at: number; readonly row: Message }
  | { readonly what: "span"; readonly at: number; readonly row: Span };

/** The last so many things of an agent, in order of time. */
export function feedOf(
  { calls, messages, spans }: Events,
  agent: AgentsRow,
  most: number,
): { items: Item[]; total: number } {
  const own = new Set([agent.id, agent.name]);
  const sent = messages.filter(({ sender, recipient }) => own.has(sender) || own.has(recipient));
  const called = calls.get(agent.id) ?? [];
  const stretches = spans.get(agent.id) ?? [];
  const items: Item[] = [
    ...called.slice(-most).map((row): Item => ({ what: "call", at: callAt(row), row })),
    ...sent.slice(-most).map((row): Item => ({ what: "message", at: messageAt(row), row })),
    ...stretches.slice(-most).map((row): Item => ({ what: "span", at: spanStart(row), row })),
  ];
  items.sort((a, b) => a.at - b.at);
  return { items: items.slice(-most), total: called.length + sent.length + stretches.length };
}

export function Feed({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  const events = eventsOf(store).value;
  const [most, setMost] = useState(FIRST);
  const list = useRef<HTMLUListElement>(null);
  const follows = useRef(true);
  const { items, total } = useMemo(() => feedOf(events, row, most), [events, row, most]);
  useLayoutEffect(() => {
    const element = list.current;
    if (element !== null && follows.current) element.scrollTop = element.scrollHeight;
  });
  if (items.length === 0) return null;
  const onScroll = () => {
    const element = list.current!;
    follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
  };
  return (
    <section class="agent-part">
      <h3 class="muted agent-feed-head">
        Feed
        <span>
          {" "}
          · {items.length < total ? `the last ${integer(items.length)} of ${integer(total)}` : integer(total)}
        </span>
        {items.length < total && (
          <button
            type="button"
            class="link"
            onClick={() => {
              follows.current = false;
              setMost(most * 2);
            }}
          >
            earlier
          </button>
        )}
      </h3>
      <ul ref={list} class="plain agent-feed" tabIndex={0} aria-label="Feed, newest last" onScroll={onScroll}>
        {items.map((item) => (
          <li key={`${item.what} ${item.row.id}`} class={`agent-feed-${item.what}`}>
            <Entry item={item} agent={row} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Entry({ item, agent }: { item: Item; agent: AgentsRow }) {
  const { store, nav } = useApp();
  const time = <Time at={item.at} fits="clock" />;
  if (item.what === "span") {
    const { status, status_reason } = item.row;
    return (
      <span class="with-mark" title={oneLine(status_reason ?? "")}>
        {time}
        <StatusMark status={status} />
        <span class="muted line">
          {words(status)}
          {status_reason === null ? "" : `: ${oneLine(status_reason)}`}
        </span>
      </span>
    );
  }
  if (item.what === "call") {
    const { id, name, status, input, error, duration_ms } = item.row;
    return (
      <button type="button" class="agent-line with-mark" onClick={() => nav.open("tool_calls", id)}>
        {time}
        <StatusMark status={status} />
        <span class="agent-feed-name">{oneLine(name ?? "tool")}</span>
        {(error ?? input) === null ? (
          <span class="line" />
        ) : (
          <Line class={error !== null ? "bad" : "mono"} text={error ?? callText(input)} />
        )}
        {duration_ms !== null && <span class="muted figures">{duration(duration_ms)}</span>}
      </button>
    );
  }
  const { id, sender, recipient, kind, text } = item.row;
  const out = sender === agent.id || sender === agent.name;
  return (
    <button type="button" class="agent-line with-mark" onClick={() => nav.open("messages", id)}>
      {time}
      {/* What is said of a task begins with what became of it. */}
      {!(kind?.startsWith("task_") && text) && <KindPill kind={kind} />}
      <span class="muted">{out ? "to" : "from"}</span>
      <span class="agent-other line">{agentName(store, (out ? recipient : sender) ?? "unknown")}</span>
      <Line text={text} />
    </button>
  );
}
