// What needs a person now, most urgent first: agents that wait, agents that failed a while ago, tasks that are
// stuck or failed.
import { A_QUESTION, isHuman } from "../lib/agents.ts";
import { DAY, HOUR } from "../lib/durations.ts";
import type { Trouble } from "../lib/trouble.ts";
import { agentName } from "../store/names.ts";
import type { Shown } from "../store/store.ts";
import type { AgentsRow, TableName, TasksRow } from "../store/tables.ts";
import { troublesOf } from "./troubles.ts";

export interface Need {
  /** The same for as long as it is the same need: an agent that waits again is another one. */
  readonly key: string;
  readonly table: TableName;
  readonly id: string;
  readonly status: string;
  readonly name: string;
  readonly text: string;
  readonly since: number | null;
}

/** A failure is news for an hour; a task that is stuck stays a question for a day. */
const NEWS_MS = HOUR;
const STUCK_MS = DAY;

/** The newest note is the first line; agents put a time before it, but how long it has been so stands beside it anyway. */
const newestNote = (notes: string): string => notes.split("\n")[0]!.replace(/^\[\d{4}-\d\d-\d\d[^\]]*\]\s*/, "");

/** The last sentence that asks, with what stands before it on its line. */
const ASKING = /[^.!?\n]*\?(?=[^?]*$)/;

/** Why an agent is where it is: of one that asks, the question itself, which is what it said last. */
export function whyOf({ status, status_reason, activity }: AgentsRow): string | null {
  if (status !== "waiting" || status_reason !== A_QUESTION || !activity) return status_reason;
  return ASKING.exec(activity)?.[0].trim() || activity;
}

export function needs(agents: readonly AgentsRow[], tasks: readonly TasksRow[], now: number): Need[] {
  const recent = (at: number | null, within: number): boolean => at !== null && now - at < within;
  const agentNeed = (agent: AgentsRow, verb: string): Need => {
    const { id, status, status_at } = agent;
    const why = whyOf(agent);
    const text = why === null ? verb : `${verb}: ${why}`;
    const key = `agents ${id} ${status} ${status_at}`;
    return { key, table: "agents", id, status: status!, name: agent.name ?? id, text, since: status_at };
  };
  const taskNeed = (task: TasksRow, verb: string): Need => ({
    key: `tasks ${task.id} ${task.status}`,
    table: "tasks",
    id: task.id,
    status: task.status!,
    name: task.title ?? task.id,
    text: task.notes === null ? verb : `${verb}: ${newestNote(task.notes)}`,
    since: task.completed_at ?? task.updated_at,
  });
  const those = agents.filter((agent) => !isHuman(agent));
  const waiting = those.filter((agent) => agent.status === "waiting").map((agent) => agentNeed(agent, "waits for you"));
  const failed = those
    .filter((agent) => agent.status === "failed" && recent(agent.status_at, NEWS_MS))
    .map((agent) => agentNeed(agent, "failed"));
  const waits = new Set(those.filter((agent) => agent.status === "waiting").map((agent) => agent.id));
  const stuck = tasks
    .filter((task) => task.status === "blocked" && recent(task.updated_at, STUCK_MS) && !waits.has(task.owner ?? ""))
    .map((task) => taskNeed(task, "is blocked"));
  const lost = tasks
    .filter((task) => task.status === "failed" && recent(task.completed_at ?? task.updated_at, NEWS_MS))
    .map((task) => taskNeed(task, "failed"));
  // The longest wait comes first; of failures, the newest.
  const oldestFirst = (a: Need, b: Need): number => (a.since ?? 0) - (b.since ?? 0);
  const newestFirst = (a: Need, b: Need): number => oldestFirst(b, a);
  return [waiting.sort(oldestFirst), failed.sort(newestFirst), stuck.sort(oldestFirst), lost.sort(newestFirst)].flat();
}

/** What comes after the one that is selected, in this order and round; the first one if none is. */
export function nextNeed(list: readonly Need[], selected: Pick<Need, "table" | "id"> | null): Need | null {
  const at = list.findIndex(({ table, id }) => table === selected?.table && id === selected.id);
  return list[(at + 1) % list.length] ?? null;
}

/** The same of a store as it is; in the scope of a signal it follows changes. */
export function needsOf(store: Shown): readonly Need[] {
  const { agents, tasks } = store.tables;
  agents.version.value;
  tasks.version.value;
  const list = needs(agents.list(), tasks.list(), store.now.value);
  const wrong = [...troublesOf(store)].flatMap(([id, troubles]) => stuckNeed(agents.rows.get(id), troubles) ?? []);
  const first = list.findLastIndex(({ status }) => status === "waiting") + 1;
  const nameOf = (id: string) => (agents.rows.has(id) ? agentName(store, id) : null);
  return [...list.slice(0, first), ...wrong, ...list.slice(first)].map((need) => ({
    ...need,
    text: withNames(need.text, nameOf),
  }));
}

/** A text in which agents are called by their names: what agents note has their ids. A word without a "-" is a word. */
export function withNames(text: string, nameOf: (id: string) => string | null): string {
  return text.replace(/\w+(?:-\w+)+/g, (word) => nameOf(word) ?? word);
}

/** An agent that works, but not well; a context that is nearly full needs nobody. */
function stuckNeed(agent: AgentsRow | undefined, troubles: readonly Trouble[]): Need | null {
  const trouble = troubles.find(({ kind }) => kind !== "context");
  if (agent === undefined || trouble === undefined) return null;
  const { id, name, status } = agent;
  const text = `may be stuck: ${trouble.text}`;
  const key = `agents ${id} ${trouble.kind}`;
  return { key, table: "agents", id, status: status!, name: name ?? id, text, since: trouble.since };
}
