// The details of one agent: its status and why, what it did, its tools and tasks; then every field.
import { useMemo } from "preact/hooks";
import { isLive } from "../../lib/agents.ts";
import { type Compaction, compactionsOf } from "../../lib/compactions.ts";
import { contextFill } from "../../lib/context-fill.ts";
import { exactTime, hourMinute, integer, longDuration, money, percent, plural, when, words } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { toolUses } from "../../lib/tool-use.ts";
import { AgentName } from "../../parts/agent-name.tsx";
import { useActions } from "../../parts/change.tsx";
import { Details } from "../../parts/details.tsx";
import { Resume } from "../../parts/resume.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Line, Prose } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { useApp } from "../../state/context.ts";
import { troublesOf } from "../../state/troubles.ts";
import { eventsOf } from "../../store/events.ts";
import { agentName } from "../../store/names.ts";
import type { AgentsRow, SpansRow } from "../../store/tables.ts";
import { Feed } from "./feed.tsx";
import { Files } from "./files.tsx";
import { SendMessage } from "./send.tsx";
import { sumsOf } from "./sums.ts";

const MOST_SPANS = 8;
const MOST_TOOLS = 5;
const MOST_CHILDREN = 12;
const MOST_OTHERS = 5;

export function AgentDetails({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  return (
    <Details
      table="agents"
      row={row}
      title={agentName(store, row.id)}
      without={["status", "status_reason", "status_at", "activity", "name"]}
    >
      <Now row={row} />
      <Wrong row={row} />
      <Took row={row} />
      <Feed row={row} />
      <Files key={row.id} row={row} />
      <Tools row={row} />
      <Children row={row} />
      <Tasks row={row} />
      <Spans row={row} />
    </Details>
  );
}

function Part({ title, note, children }: { title: string; note?: string; children: preact.ComponentChildren }) {
  return (
    <section class="agent-part">
      <h3 class="muted">
        {title}
        {note !== undefined && <span> · {note}</span>}
      </h3>
      {children}
    </section>
  );
}

/** The status, since when, and the whole of the reason. */
function Now({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  const now = store.now.value;
  const { writes, resume } = useActions("agents", row);
  return (
    <section class="agent-part agent-now">
      <div class="with-mark">
        <StatusMark status={row.status} />
        <strong>{words(row.status)}</strong>
        {row.status_at !== null && <span class="muted">for {longDuration(now - row.status_at)}</span>}
      </div>
      {row.status_reason !== null && <Prose text={row.status_reason} class={row.status === "failed" ? "bad" : ""} />}
      {row.activity !== null && row.activity !== row.status_reason && (
        <Prose text={row.activity} class="muted agent-activity" />
      )}
      <Resume command={resume} runs={isLive(row.status)} />
      {writes["message.send"] !== undefined && <SendMessage key={row.id} row={row} />}
    </section>
  );
}

/** What is wrong with it, and on what evidence. */
function Wrong({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  const found = troublesOf(store).get(row.id);
  if (found === undefined) return null;
  return (
    <Part title="Something may be wrong">
      <ul class="plain">
        {found.map(({ kind, text, since }) => (
          <li key={kind}>
            <span class="ink-waiting" aria-hidden="true">
              ▲{" "}
            </span>
            {text}
            {since !== null && <span class="muted"> · since {hourMinute(since)}</span>}
          </li>
        ))}
      </ul>
    </Part>
  );
}

/** Cost and context in one line each; what nobody counted is left out. */
function Took({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  const rows = store.tables.agents.list();
  const sum = useMemo(() => sumsOf(rows), [rows]).get(row.id);
  const fill = contextFill(row.model, row.context_tokens);
  const { logs } = store.tables;
  logs.version.value;
  const lines = logs.list();
  const spans = eventsOf(store).value.spans.get(row.id);
  const compacted = useMemo(() => compactionsOf(row.id, lines, spans ?? []), [row.id, lines, spans]);
  const parts = [
    row.cost_usd !== null && `${money(row.cost_usd, row.unpriced_requests)} its own`,
    sum !== undefined &&
      sum.cost !== null &&
      sum.cost !== row.cost_usd &&
      `${money(sum.cost, sum.unpriced)} with ${plural(sum.subagents, "subagent")}`,
    fill !== null && `context ${percent(fill.part)} of ${integer(fill.window)} tokens`,
  ].filter((part) => part !== false);
  if (parts.length === 0 && compacted.length === 0) return null;
  return (
    <p class="agent-took">
      {parts.join(" · ")}
      <Compacted compactions={compacted} after={parts.length > 0} />
    </p>
  );
}

/** How often its context was compacted, and when last; each of them in the tooltip. */
function Compacted({ compactions, after }: { compactions: readonly Compaction[]; after: boolean }) {
  const now = useApp().store.now.value;
  const last = compactions.at(-1);
  if (last === undefined) return null;
  const about = compactions.map(({ at, about }) => `${exactTime(at)}${about === null ? "" : `, ${about}`}`).join("\n");
  return (
    <span title={about}>
      {after && " · "}compacted {compactions.length === 1 ? "" : `${plural(compactions.length, "time")}, last `}
      {when(last.at, now)}
    </span>
  );
}

function Tools({ row }: { row: AgentsRow }) {
  const { store, nav } = useApp();
  const calls = eventsOf(store).value.calls.get(row.id);
  const uses = useMemo(() => toolUses(calls ?? []).toSorted((a, b) => b.calls - a.calls), [calls]);
  if (uses.length === 0) return null;
  const most = uses[0]!.calls;
  return (
    <Part
      title="Tools"
      note={uses.length > MOST_TOOLS ? `${MOST_TOOLS} of ${uses.length}` : plural(calls!.length, "call")}
    >
      <ul class="plain">
        {uses.slice(0, MOST_TOOLS).map((use) => (
          <li key={use.id}>
            <button
              type="button"
              class="agent-line"
              onClick={() => nav.show("tools", { search: "", filter: { name: use.id, agent_id: row.id } })}
            >
              <span class="line agent-tool">{oneLine(use.id)}</span>
              <span class="bar" aria-hidden="true">
                <span style={{ width: `${(use.calls / most) * 100}%`, background: "var(--aw-muted)" }} />
              </span>
              <span class="figures">{integer(use.calls)}</span>
              <span class={`figures agent-rate ${use.errors > 0 ? "bad" : "muted"}`}>
                {use.errors === 0 ? "no errors" : `${plural(use.errors, "error")}, ${percent(use.errors / use.calls)}`}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Children({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  const children = store.tables.agents.list().filter((one) => one.parent_id === row.id && one.id !== row.id);
  if (children.length === 0) return null;
  const counts = new Map<string, number>();
  for (const { status } of children) counts.set(words(status), (counts.get(words(status)) ?? 0) + 1);
  return (
    <Part
      title={plural(children.length, "subagent")}
      note={[...counts]
        .sort((a, b) => b[1] - a[1])
        .map(([status, n]) => `${n} ${status}`)
        .join(", ")}
    >
      <ul class="plain">
        {children
          .slice(-MOST_CHILDREN)
          .reverse()
          .map((one) => (
            <li key={one.id} class="with-mark agent-row">
              <StatusMark status={one.status} />
              <AgentName id={one.id} inTabOrder />
              <Line class="muted" text={one.activity ?? one.status_reason} />
            </li>
          ))}
      </ul>
      {children.length > MOST_CHILDREN && (
        <p class="muted">and {integer(children.length - MOST_CHILDREN)} before these</p>
      )}
    </Part>
  );
}

function Tasks({ row }: { row: AgentsRow }) {
  const { store, nav } = useApp();
  const { tasks } = store.tables;
  tasks.version.value;
  const own = tasks.list().filter((task) => task.owner !== null && (task.owner === row.id || task.owner === row.name));
  if (own.length === 0) return null;
  const done = own.filter((task) => task.status === "completed").length;
  return (
    <Part title="Tasks" note={`${integer(done)} of ${integer(own.length)} completed`}>
      <ul class="plain">
        {own
          .slice(-MOST_OTHERS)
          .reverse()
          .map((task) => (
            <li key={task.id}>
              <button type="button" class="agent-line with-mark" onClick={() => nav.open("tasks", task.id)}>
                <StatusMark status={task.status} />
                <Line text={task.title ?? task.id} />
              </button>
            </li>
          ))}
      </ul>
    </Part>
  );
}

/** The last stretches, newest first; their sum is in the head. */
function Spans({ row }: { row: AgentsRow }) {
  const { store } = useApp();
  const now = store.now.value;
  const spans = eventsOf(store).value.spans.get(row.id) ?? [];
  if (spans.length === 0) return null;
  const lasted = (span: SpansRow): number => Math.max(0, (span.ended_at ?? now) - (span.started_at ?? now));
  const inAll = (status: string): number =>
    spans.reduce((sum, span) => sum + (span.status === status ? lasted(span) : 0), 0);
  const sums = ["working", "waiting"].map((status) => [status, inAll(status)] as const).filter(([, ms]) => ms > 0);
  return (
    <Part
      title="History"
      note={
        sums.map(([status, ms]) => `${status} ${longDuration(ms)}`).join(", ") ||
        plural(spans.length, "stretch", "stretches")
      }
    >
      <ul class="plain">
        {spans
          .slice(-MOST_SPANS)
          .reverse()
          .map((span) => (
            <li key={span.id} class="with-mark agent-row" title={oneLine(span.status_reason ?? "")}>
              <StatusMark status={span.status} />
              <Time at={span.started_at} fits="clock" />
              <span class="figures agent-lasted">{longDuration(lasted(span))}</span>
              <Line class="muted" text={span.status_reason} />
            </li>
          ))}
      </ul>
    </Part>
  );
}
