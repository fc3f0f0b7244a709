// The tables as they were at a moment, for the same views that show them as they are: time travel without a
// journal. Rows carry their own times; what they do not hold of that moment is null, never today's value.
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { A_QUESTION } from "../lib/agents.ts";
import { callText } from "../lib/call-text.ts";
import { append, groupedByTime, lastBefore } from "../lib/ordered.ts";
import type { Shown, Store, TableView } from "./store.ts";
import {
  type AgentsRow,
  type Rows,
  type SessionsRow,
  type SpansRow,
  TABLE_NAMES,
  type TableName,
  type TasksRow,
  type ToolCallsRow,
  type UsageRow,
} from "./tables.ts";

type Tables = { readonly [T in TableName]: TableView<Rows[T]> };
type Lists = { readonly [T in TableName]: readonly Rows[T][] } & {
  /** Since when the rows of `usage` are here; none are missing without it. */
  readonly usageSince?: number;
};

/** The rows of each table as they were at `at`. Pure; `now` is what the rows themselves know. */
export const AS_OF: { readonly [T in TableName]: (lists: Lists, at: number) => readonly Rows[T][] } = {
  agents: agentsAt,
  sessions: sessionsAt,
  tasks: ({ tasks }, at) =>
    tasks.filter((task) => began(task.created_at ?? task.started_at, at)).map((task) => taskAt(task, at)),
  messages: ({ messages }, at) => messages.filter((message) => began(message.at, at)),
  spans: ({ spans }, at) => spans.filter((span) => began(span.started_at, at)).map((span) => spanAt(span, at)),
  tool_calls: ({ tool_calls }, at) => tool_calls.filter((call) => began(call.at, at)).map((call) => callAt(call, at)),
  memory: ({ memory }, at) => memory.filter((entry) => began(entry.updated_at, at)),
  quality: ({ quality }, at) => quality.filter((entry) => began(entry.at, at)),
  logs: ({ logs }, at) => logs.filter((line) => began(line.at, at)),
  usage: ({ usage }, at) => usage.filter((row) => began(row.at, at)),
  limits: ({ limits }, at) => limits.filter((row) => began(row.at, at)),
  stats: () => [],
};

/** Tables that another one is derived from, beside its own. */
const NEEDS: { readonly [T in TableName]?: readonly TableName[] } = {
  agents: ["spans", "tool_calls", "tasks", "messages", "usage"],
  sessions: ["spans", "tool_calls", "messages", "usage"],
};

const USED = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "unpriced_requests"] as const;
type Totals = Pick<AgentsRow, (typeof USED)[number] | "cost_usd">;
const UNKNOWN: Totals = {
  input_tokens: null,
  output_tokens: null,
  cache_read_tokens: null,
  cache_write_tokens: null,
  cost_usd: null,
  unpriced_requests: null,
};

/**
 * What a row had used at a moment: its totals without what was used in later quarters of an hour. The quarter that
 * ran counts as a whole.
 */
function usedAt(
  { usage, usageSince = 0 }: Lists,
  at: number,
  of: "agent_id" | "session_id",
): (row: Totals & { id: string }) => Totals {
  if (at < usageSince) return () => UNKNOWN;
  const later = new Map<string, UsageRow[]>();
  for (const row of usage) if (row.at !== null && row.at > at && row[of] !== null) append(later, row[of], row);
  return (row) => {
    const since = later.get(row.id) ?? [];
    const without = (name: keyof Totals): number | null => {
      const total = row[name];
      return total === null ? null : since.reduce((rest, used) => rest - (used[name] ?? 0), total);
    };
    const then = Object.fromEntries(USED.map((name) => [name, without(name)])) as unknown as Totals;
    const cost = without("cost_usd");
    const nothing = cost !== null && cost < 1e-9;
    return { ...then, cost_usd: nothing ? (then.unpriced_requests ? null : 0) : cost };
  };
}

const began = (time: number | null, at: number): boolean => time !== null && time <= at;

function agentsAt(lists: Lists, at: number): readonly AgentsRow[] {
  const { agents, spans, tool_calls, tasks, messages } = lists;
  const usedBy = usedAt(lists, at, "agent_id");
  const spansOf = groupedByTime(
    spans,
    (span) => span.agent_id,
    (span) => span.started_at,
  );
  const callsOf = groupedByTime(
    tool_calls,
    (call) => call.agent_id,
    (call) => call.at,
  );
  const askedBy = groupedByTime(
    messages.filter((message) => message.kind === "ask"),
    (message) => message.sender,
    (message) => message.at,
  );
  const doneBy = groupedByTime(
    tasks.filter((task) => task.status === "completed"),
    (task) => task.owner,
    (task) => task.completed_at,
  );
  const doing = groupedByTime(
    tasks,
    (task) => task.owner,
    (task) => task.started_at,
  );
  return agents.flatMap((agent) => {
    const own = spansOf.get(agent.id);
    if (agent.role === "human") return [agent];
    if (!began(agent.started_at ?? own?.[0]?.started_at ?? null, at)) return [];
    const span = lastBefore(own, at, (row) => row.started_at);
    const calls = callsOf.get(agent.id)?.filter((call) => began(call.at, at)) ?? [];
    const call = calls.at(-1);
    const did = call === undefined ? null : [call.name, callText(call.input)].filter(Boolean).join(" ");
    const asked = lastBefore(askedBy.get(agent.id), at, (message) => message.at)?.text ?? null;
    const known = callsOf.has(agent.id);
    const task = lastBefore(doing.get(agent.id) ?? doing.get(agent.name ?? ""), at, (row) => row.started_at);
    const over = span?.ended_at != null && span.ended_at < at;
    return [
      {
        ...agent,
        ...usedBy(agent),
        context_tokens: null,
        quality: null,
        status: span === undefined ? "unknown" : over ? "offline" : span.status,
        status_reason: span === undefined ? "nothing is recorded of this moment" : span.status_reason,
        status_at: span?.started_at ?? null,
        activity: span?.status_reason === A_QUESTION ? asked : did,
        task_id: task !== undefined && !began(task.completed_at, at) ? task.id : null,
        last_seen_at: Math.min(agent.last_seen_at ?? at, at),
        tool_calls: known ? calls.length : null,
        errors: known ? calls.filter((row) => row.status === "error").length : null,
        tasks_completed:
          (doneBy.get(agent.id) ?? doneBy.get(agent.name ?? ""))?.filter((row) => began(row.completed_at, at)).length ??
          null,
      },
    ];
  });
}

function sessionsAt(lists: Lists, at: number): readonly SessionsRow[] {
  const { sessions, spans, tool_calls, messages } = lists;
  const usedIn = usedAt(lists, at, "session_id");
  const callsOf = groupedByTime(
    tool_calls,
    (call) => call.session_id,
    (call) => call.at,
  );
  const messagesOf = groupedByTime(
    messages,
    (message) => message.session_id,
    (message) => message.at,
  );
  const spansOf = groupedByTime(
    spans,
    (span) => span.agent_id,
    (span) => span.started_at,
  );
  return sessions.flatMap((session) => {
    if (!began(session.started_at, at)) return [];
    const calls = callsOf.get(session.id)?.filter((call) => began(call.at, at));
    const sent = messagesOf.get(session.id)?.filter((message) => began(message.at, at));
    const span = lastBefore(spansOf.get(session.agent_id ?? session.id), at, (row) => row.started_at);
    const ended = began(session.ended_at, at);
    const status = ended ? session.status : span?.status === "failed" ? "failed" : isBusy(span) ? "active" : "idle";
    return [
      {
        ...session,
        ...usedIn(session),
        status,
        ended_at: ended ? session.ended_at : null,
        updated_at: Math.min(session.updated_at ?? at, at),
        duration_ms: ended ? session.duration_ms : null,
        messages: sent?.length ?? null,
        tool_calls: calls?.length ?? null,
        errors: calls?.filter((call) => call.status === "error").length ?? null,
        files_changed: null,
      },
    ];
  });
}

const isBusy = (span: SpansRow | undefined): boolean => span?.status === "working" || span?.status === "waiting";

function taskAt(task: TasksRow, at: number): TasksRow {
  if (began(task.updated_at ?? task.completed_at, at) && (task.completed_at === null || task.completed_at <= at))
    return task;
  const status = began(task.completed_at, at) ? "completed" : began(task.started_at, at) ? "in_progress" : "pending";
  return {
    ...task,
    status,
    progress: status === "completed" ? 1 : status === "pending" ? 0 : null,
    started_at: began(task.started_at, at) ? task.started_at : null,
    completed_at: status === "completed" ? task.completed_at : null,
    updated_at: Math.min(task.updated_at ?? at, at),
    quality: status === "completed" ? task.quality : null,
    notes: null,
  };
}

function spanAt(span: SpansRow, at: number): SpansRow {
  return span.ended_at !== null && span.ended_at > at ? { ...span, ended_at: null } : span;
}

function callAt(call: ToolCallsRow, at: number): ToolCallsRow {
  if (call.duration_ms === null || call.at === null || call.at + call.duration_ms <= at) return call;
  return { ...call, status: "running", duration_ms: null, output: null, output_bytes: null, error: null };
}

/** Since when all rows of `usage` are held: 0 if none are elsewhere. */
function heldSince(store: Store): number {
  const { usage } = store.tables;
  if ((store.counts.value.usage ?? 0) <= usage.rows.size) return 0;
  return usage.list().reduce((oldest, row) => Math.min(oldest, row.at ?? oldest), Infinity);
}

/** A table as it was; derived when it is looked at, and again each second that changes come in. */
function tableAt<T extends TableName>(name: T, store: Store, moment: ReadonlySignal<number>): TableView<Rows[T]> {
  const second = computed(() => Math.floor(store.now.value / 1_000));
  const rows = computed(() => {
    second.value;
    const at = moment.value;
    const lists = Object.fromEntries(
      [name, ...(NEEDS[name] ?? [])].map((table) => [table, store.tables[table].list()]),
    ) as unknown as Lists;
    return AS_OF[name]({ ...lists, usageSince: heldSince(store) }, at);
  });
  const byId = computed(() => new Map(rows.value.map((row) => [row.id, row] as const)));
  let version = 0;
  return {
    version: computed(() => (rows.value, ++version)),
    changedAt: new Map(),
    list: () => rows.peek(),
    get rows() {
      return byId.peek();
    },
  };
}

/** What views read while the person is in the past. */
export class Past implements Shown {
  readonly tables: Tables;
  readonly connection;
  readonly sources;
  readonly hosts;
  readonly loading;
  readonly counts;
  readonly paused = signal(false);
  readonly now: ReadonlySignal<number>;
  readonly past = true;

  constructor(store: Store, moment: ReadonlySignal<number | null>) {
    this.connection = store.connection;
    this.sources = store.sources;
    this.hosts = store.hosts;
    this.loading = store.loading;
    this.counts = store.counts;
    this.now = computed(() => moment.value ?? store.now.value);
    this.tables = Object.fromEntries(
      TABLE_NAMES.map((name) => [name, tableAt(name, store, this.now)]),
    ) as unknown as Tables;
  }

  readonly clock = (): number => this.now.peek();
}
