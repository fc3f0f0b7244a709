// The columns of the agents view, without those that are unknown in every row.
import { Bar } from "../../charts/bar.tsx";
import { contextFill, NEARLY_FULL } from "../../lib/context-fill.ts";
import { DAY } from "../../lib/durations.ts";
import {
  hourMinute,
  integer,
  longDuration,
  money,
  percent,
  plural,
  score,
  short,
  when,
  words,
} from "../../lib/format.ts";
import type { SortValue } from "../../lib/sort.ts";
import { oneLine } from "../../lib/text.ts";
import { tokensOf } from "../../lib/tokens.ts";
import { ActivityBars } from "../../parts/activity.tsx";
import { Ends } from "../../parts/ends.tsx";
import { FinishedMark } from "../../parts/finished.tsx";
import type { Column } from "../../parts/grid/types.ts";
import { HostMark } from "../../parts/host.tsx";
import { ModelName } from "../../parts/model-name.tsx";
import { Project } from "../../parts/project.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import type { Events } from "../../store/events.ts";
import { agentName, agentNameThere, alikeIn } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { AgentsRow } from "../../store/tables.ts";
import { activityOf, type Sum } from "./sums.ts";
import type { AgentItem } from "./tree.ts";

const INDENT_PX = 16;
const DEEPEST = 8;

/** What the cells need beyond the row. */
export interface Knowledge {
  readonly sums: () => ReadonlyMap<string, Sum>;
  readonly index: () => Events;
  readonly sent: () => ReadonlyMap<string, readonly number[]>;
  readonly onFold: (id: string) => void;
  /** Shows or hides the finished children. */
  readonly onFinished: (id: string) => void;
}

type Shape = Pick<Column<AgentItem>, "min" | "wish" | "grow" | "rank" | "end" | "lead">;

export function agentColumns(store: Shown, known: Knowledge): readonly Column<AgentItem>[] {
  const column = (
    key: string,
    title: string,
    shape: Shape,
    value: (row: AgentsRow) => SortValue,
    cell: (row: AgentsRow, item: AgentItem) => ReturnType<Column<AgentItem>["cell"]>,
  ): Column<AgentItem> => ({
    key,
    title,
    ...shape,
    value: ({ agent }) => agent && value(agent),
    cell: (item) => item.agent && cell(item.agent, item),
  });
  const figure = (key: "tool_calls" | "errors" | "tasks_completed", title: string, rank: number) =>
    column(
      key,
      title,
      { min: 44, rank, end: true },
      (row) => row[key],
      (row) => <span class={key === "errors" && row.errors ? "bad" : "muted"}>{integer(row[key])}</span>,
    );
  const task = (row: AgentsRow) =>
    row.task_id === null ? null : (store.tables.tasks.rows.get(row.task_id)?.title ?? row.task_id);
  return [
    column(
      "name",
      "agent",
      { min: 196, wish: 240, grow: 1, lead: true },
      (row) => agentName(store, row.id),
      (row, item) => (
        <span class="with-mark" style={{ paddingInlineStart: `${Math.min(item.depth, DEEPEST) * INDENT_PX}px` }}>
          <Twisty item={item} onFold={known.onFold} />
          <StatusMark status={row.status} />
          <Ends
            strong
            text={item.depth === 0 ? agentNameThere(store, row.id) : agentName(store, row.id)}
            alike={alikeIn(store, row.id)}
            title={`${agentName(store, row.id)} · ${row.id}`}
          />
          {item.fold !== null && <FinishedMark fold={item.fold} onToggle={() => known.onFinished(row.id)} />}
          {row.role !== null && !agentName(store, row.id).startsWith(row.role) && (
            <span class="line muted agent-role">{oneLine(row.role)}</span>
          )}
          {item.depth === 0 && <HostMark host={row.host} />}
        </span>
      ),
    ),
    column(
      "status",
      "status",
      { min: 226, wish: 304, grow: 3, rank: 1 },
      (row) => row.status,
      (row) => (
        <span class="line" title={oneLine(`${row.status ?? "unknown"}: ${row.status_reason ?? "no reason known"}`)}>
          <span class={row.status === "waiting" || row.status === "failed" ? `ink-${row.status}` : ""}>
            {words(row.status)}
          </span>{" "}
          <span class="muted">{oneLine(row.status_reason ?? "")}</span>
        </span>
      ),
    ),
    column(
      "status_at",
      "since",
      { min: 80, rank: 2, end: true },
      (row) => row.status_at,
      (row) => <Time at={row.status_at} fits="ago" age={sinceText} what={`${words(row.status)} since`} />,
    ),
    column(
      "activity",
      "doing",
      { min: 150, wish: 210, grow: 2, rank: 3 },
      (row) => row.activity,
      (row) => <Line text={row.activity} />,
    ),
    column(
      "project",
      "project",
      { min: 112, grow: 1, rank: 7 },
      (row) => row.project,
      (row) => <Project row={row} />,
    ),
    column("task_id", "task", { min: 124, grow: 2, rank: 6 }, task, (row) => <Line text={task(row)} />),
    column(
      "model",
      "model",
      { min: 92, grow: 0.4, rank: 7 },
      (row) => row.model,
      (row) => <ModelName model={row.model} />,
    ),
    column(
      "recent",
      "activity",
      { min: 68, rank: 5 },
      (row) => recentTotal(row, known, store.now.peek()),
      (row) => <Recent row={row} known={known} now={store.now.value} />,
    ),
    column(
      "context_tokens",
      "context",
      { min: 74, rank: 4, end: true },
      (row) => row.context_tokens,
      (row) => <Context row={row} />,
    ),
    column("tokens", "tokens", { min: 50, rank: 8, end: true }, tokensOf, (row) => (
      <Tokens row={row} sum={known.sums().get(row.id)} />
    )),
    column(
      "cost_usd",
      "cost",
      { min: 70, rank: 4, end: true },
      (row) => known.sums().get(row.id)?.cost ?? row.cost_usd,
      (row) => <Cost row={row} sum={known.sums().get(row.id)} />,
    ),
    figure("tool_calls", "tools", 6),
    figure("errors", "errors", 4),
    figure("tasks_completed", "done", 9),
    column(
      "quality",
      "quality",
      { min: 52, rank: 9, end: true },
      (row) => row.quality,
      (row) => <span class="muted">{score(row.quality)}</span>,
    ),
    column(
      "last_seen_at",
      "last seen",
      { min: 76, rank: 10, end: true },
      (row) => row.last_seen_at,
      (row) => <Time at={row.last_seen_at} fits="ago" />,
    ),
  ];
}

/** Columns of which at least one agent knows something. */
export function withKnown(
  columns: readonly Column<AgentItem>[],
  agents: readonly AgentsRow[],
  sums: ReadonlyMap<string, Sum>,
): readonly Column<AgentItem>[] {
  const twoCosts = agents.some((row) => costDiffers(row, sums.get(row.id)));
  const has = (key: string): boolean => {
    if (key === "name" || key === "recent") return true;
    if (key === "project") return areApart(agents);
    if (key === "tokens") return agents.some((row) => tokensOf(row) !== null);
    return agents.some((row) => row[key as keyof AgentsRow] !== null);
  };
  const rare = (key: string): boolean =>
    MAY_BE_RARE.has(key) &&
    agents.length >= MANY &&
    agents.filter((row) => row[key as keyof AgentsRow] !== null).length < agents.length * RARE;
  return columns
    .filter(({ key }) => has(key))
    .map((column) => (rare(column.key) ? { ...column, sparse: true } : column))
    .map((column) => (column.key === "status" ? asLongAs(column, agents) : column))
    .map((column) =>
      column.key === "cost_usd" && twoCosts ? { ...column, min: 112, title: "cost + subagents" } : column,
    );
}

/** About the width of a character, in px. */
const CHARACTER = 6.7;

/** No wider than the longest status with its reason. */
function asLongAs(column: Column<AgentItem>, agents: readonly AgentsRow[]): Column<AgentItem> {
  const longest = agents.reduce(
    (most, { status, status_reason }) => Math.max(most, (status?.length ?? 0) + (status_reason?.length ?? 0) + 1),
    0,
  );
  const px = Math.ceil(longest * CHARACTER);
  const { min, wish = min, grow } = column;
  return { ...column, min: Math.min(min, Math.max(px, 80)), wish: Math.min(wish, px), grow: px > wish ? grow! : 0 };
}

/** What few of many agents know gives way to what the others do. */
const MAY_BE_RARE: ReadonlySet<string> = new Set(["project", "task_id", "model", "context_tokens", "cost_usd"]);
const MANY = 20;
const RARE = 0.15;

/** Whether not all of them work in the same place: else the project is not worth a column. */
function areApart(agents: readonly AgentsRow[]): boolean {
  const projects = new Set(agents.map((row) => row.project).filter((project) => project !== null));
  return projects.size > 1 || agents.some((row) => row.worktree !== null);
}

/** Days alone where it is days: nobody asks for the hours then. */
const sinceText = (ms: number): string => (ms < DAY ? longDuration(ms) : `${integer(Math.floor(ms / DAY))} d`);

function Twisty({ item, onFold }: { item: AgentItem; onFold: (id: string) => void }) {
  if (item.expanded === null) return <span class="twisty" />;
  return (
    <button
      type="button"
      class="twisty"
      tabIndex={-1}
      aria-label={item.expanded ? "fold its subagents" : "show its subagents"}
      onClick={(event) => {
        event.stopPropagation();
        onFold(item.id);
      }}
    >
      {item.expanded ? "▾" : "▸"}
    </button>
  );
}

function recentTotal(row: AgentsRow, known: Knowledge, now: number): number | null {
  const activity = activityOf(row, known.index(), known.sent(), now);
  return activity === null || activity.to < now ? null : activity.total;
}

function Recent({ row, known, now }: { row: AgentsRow; known: Knowledge; now: number }) {
  const activity = activityOf(row, known.index(), known.sent(), now);
  if (activity === null) return null;
  const { counts, total, from, to } = activity;
  const over = to < now;
  const span = over ? `between ${when(from, now)} and ${when(to, now)}` : `since ${hourMinute(from)}`;
  return (
    <span
      class={over ? "recent over" : "recent"}
      title={`${plural(total, "tool call and message", "tool calls and messages")} ${span}${over ? ", all its life" : ""}`}
    >
      <ActivityBars counts={counts} />
    </span>
  );
}

function Context({ row }: { row: AgentsRow }) {
  const fill = contextFill(row.model, row.context_tokens);
  if (fill === null) {
    const about =
      row.context_tokens === null
        ? ""
        : "tokens in the context at the last turn; the window of this model is not known";
    return (
      <span class="muted" title={about}>
        {short(row.context_tokens)}
      </span>
    );
  }
  const warns = fill.part > NEARLY_FULL;
  const about = `${integer(row.context_tokens)} of ${integer(fill.window)} tokens in the context at the last turn`;
  return (
    <span class="context" title={warns ? `${about}: nearly full` : about}>
      <Bar part={fill.part} color={warns ? "var(--aw-waiting)" : "var(--aw-muted)"} />
      <span class={warns ? "ink-waiting" : "muted"}>
        {warns && <span aria-label="nearly full">▲ </span>}
        {percent(fill.part)}
      </span>
    </span>
  );
}

function Tokens({ row, sum }: { row: AgentsRow; sum: Sum | undefined }) {
  const own = tokensOf(row);
  const about = own === null ? "not counted" : `${integer(own)} tokens, cache included`;
  const all =
    sum === undefined || sum.tokens === own
      ? ""
      : `; ${integer(sum.tokens)} with its ${plural(sum.subagents, "subagent")}`;
  return (
    <span class="muted" title={`${about}${all}`}>
      {short(own)}
    </span>
  );
}

function costDiffers(row: AgentsRow, sum: Sum | undefined): sum is Sum & { cost: number } {
  return sum !== undefined && sum.cost !== null && sum.cost !== row.cost_usd;
}

/** Its own, and after it in muted ink what it comes to with its subagents. */
function Cost({ row, sum }: { row: AgentsRow; sum: Sum | undefined }) {
  const counted = tokensOf(row) !== null;
  const own = row.cost_usd === null && !counted ? "–" : money(row.cost_usd, row.unpriced_requests);
  const differs = costDiffers(row, sum);
  const about = row.cost_usd === null ? (counted ? "the price of its model is not known" : "not counted") : "its own";
  return (
    <span
      class={row.cost_usd === null ? "muted" : ""}
      title={
        differs ? `${about}; ${money(sum.cost, sum.unpriced)} with its ${plural(sum.subagents, "subagent")}` : about
      }
    >
      {own}
      {differs && <span class="muted"> / {money(sum.cost, sum.unpriced)}</span>}
    </span>
  );
}
