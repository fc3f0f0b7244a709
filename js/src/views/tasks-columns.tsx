// The columns of the tasks view, and the order in which tasks matter.
import { ago, exactTime, percent, score, words } from "../format.ts";
import { agentColumn } from "../parts/agent-column.tsx";
import { Bar } from "../parts/bar.tsx";
import type { Column } from "../parts/grid.tsx";
import { StatusMark, statusColor } from "../parts/status.tsx";
import { Line } from "../parts/text.tsx";
import type { Shown } from "../store.ts";
import type { TasksRow } from "../tables.ts";

export const PRIORITIES: readonly string[] = ["critical", "high", "medium", "low"];

const STATUS_ORDER = ["blocked", "in_progress", "pending", "failed", "completed", "cancelled"];

const rank = (order: readonly string[], value: string | null): number => {
  const at = value === null ? -1 : order.indexOf(value);
  return at < 0 ? order.length : at;
};

/** What needs somebody first, then by priority, then the most recently touched. */
export function byUrgency(a: TasksRow, b: TasksRow): number {
  return (
    rank(STATUS_ORDER, a.status) - rank(STATUS_ORDER, b.status) ||
    rank(PRIORITIES, a.priority) - rank(PRIORITIES, b.priority) ||
    touchedAt(b) - touchedAt(a)
  );
}

function touchedAt(row: TasksRow): number {
  return row.completed_at ?? row.updated_at ?? row.created_at ?? 0;
}

export function Priority({ row }: { row: TasksRow }) {
  const pressing = row.priority === "critical" && row.status !== "completed" && row.status !== "cancelled";
  return <span class={pressing ? "bad" : "muted"}>{words(row.priority)}</span>;
}

export function Progress({ row }: { row: TasksRow }) {
  const part = row.progress ?? (row.status === "completed" ? 1 : null);
  if (part === null) return <span class="muted">–</span>;
  return (
    <span class="with-bar">
      <span class="figures">{percent(part)}</span>
      <Bar part={part} color={statusColor(row.status)} />
    </span>
  );
}

export function taskColumns(store: Shown): readonly Column<TasksRow>[] {
  return [
    {
      key: "title",
      title: "task",
      min: 150,
      grow: 4,
      value: (row) => row.title,
      cell: (row) => (
        <span class="with-mark">
          <StatusMark status={row.status} />
          <Line text={row.title ?? row.id} />
        </span>
      ),
    },
    {
      key: "status",
      title: "status",
      min: 84,
      rank: 2,
      value: (row) => rank(STATUS_ORDER, row.status),
      cell: (row) => words(row.status),
    },
    {
      key: "priority",
      title: "priority",
      min: 68,
      rank: 3,
      value: (row) => rank(PRIORITIES, row.priority),
      cell: (row) => <Priority row={row} />,
    },
    {
      key: "progress",
      title: "progress",
      min: 96,
      rank: 1,
      value: (row) => row.progress,
      cell: (row) => <Progress row={row} />,
    },
    agentColumn(store, "owner", { title: "owner", rank: 4 }),
    {
      key: "quality",
      title: "quality",
      min: 52,
      rank: 6,
      end: true,
      value: (row) => row.quality,
      cell: (row) => score(row.quality),
    },
    {
      key: "touched",
      title: "touched",
      min: 76,
      rank: 5,
      end: true,
      value: touchedAt,
      cell: (row) => (
        <span class="muted" title={`created ${exactTime(row.created_at)}`}>
          {ago(touchedAt(row) || null, store.now.value)}
        </span>
      ),
    },
  ];
}
