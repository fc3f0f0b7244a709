// The columns of the agents view.
import { ago, exactTime, integer, score, words } from "../format.ts";
import { agentName } from "../parts/agentname.tsx";
import type { Column } from "../parts/grid.tsx";
import { StatusMark } from "../parts/status.tsx";
import { Line, oneLine } from "../parts/text.tsx";
import type { SortValue } from "../sorting.ts";
import type { Shown } from "../store.ts";
import type { AgentsRow } from "../tables.ts";
import type { AgentItem } from "./agents-tree.ts";

const INDENT_PX = 16;

export function agentColumns(store: Shown): readonly Column<AgentItem>[] {
  const column = (
    key: string,
    title: string,
    shape: Pick<Column<AgentItem>, "min" | "grow" | "rank" | "end">,
    value: (row: AgentsRow) => SortValue,
    cell: (row: AgentsRow, depth: number) => ReturnType<Column<AgentItem>["cell"]>,
  ): Column<AgentItem> => ({
    key,
    title,
    ...shape,
    value: ({ agent }) => agent && value(agent),
    cell: ({ agent, depth }) => agent && cell(agent, depth),
  });
  const figure = (key: "tool_calls" | "errors" | "tasks_completed", title: string, rank: number) =>
    column(key, title, { min: 52, rank, end: true }, (row) => row[key], (row) => (
      <span class={key === "errors" && row.errors ? "bad" : ""}>{integer(row[key])}</span>
    ));
  const task = (row: AgentsRow) =>
    row.task_id === null ? null : (store.tables.tasks.rows.get(row.task_id)?.title ?? row.task_id);
  return [
    column(
      "name",
      "agent",
      { min: 150, grow: 2 },
      (row) => agentName(store, row.id),
      (row, depth) => (
        <span class="with-mark" style={{ paddingInlineStart: `${depth * INDENT_PX}px` }}>
          <StatusMark status={row.status} />
          <strong class="line" title={oneLine(row.id)}>
            {agentName(store, row.id)}
          </strong>
        </span>
      ),
    ),
    column("role", "role", { min: 84, rank: 6 }, (row) => row.role, (row) => <Line text={row.role} />),
    column(
      "status",
      "status",
      { min: 130, grow: 2, rank: 1 },
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
    column("activity", "doing", { min: 120, grow: 3, rank: 3 }, (row) => row.activity, (row) => (
      <Line text={row.activity} />
    )),
    column("task", "task", { min: 110, grow: 2, rank: 5 }, task, (row) => <Line text={task(row)} />),
    column("model", "model", { min: 132, rank: 7 }, (row) => row.model, (row) => <Line text={row.model} />),
    figure("tool_calls", "tools", 4),
    figure("errors", "errors", 4),
    figure("tasks_completed", "done", 8),
    column("quality", "quality", { min: 52, rank: 8, end: true }, (row) => row.quality, (row) => score(row.quality)),
    column(
      "last_seen_at",
      "last seen",
      { min: 76, rank: 2, end: true },
      (row) => row.last_seen_at,
      (row) => (
        <span class="muted" title={exactTime(row.last_seen_at)}>
          {ago(row.last_seen_at, store.now.value)}
        </span>
      ),
    ),
  ];
}
