// The cells of a task that table and board share.

import { Bar } from "../../charts/bar.tsx";
import { duration, exactTime, longDuration, percent, plural, words } from "../../lib/format.ts";
import { isOpen } from "../../lib/tasks.ts";
import { AgentName } from "../../parts/agent-name.tsx";
import { StatusMark, statusColor } from "../../parts/status.tsx";
import { useApp } from "../../state/context.ts";
import type { TasksRow } from "../../store/tables.ts";
import { taskAge, waitsFor } from "./links.ts";

export function Priority({ row }: { row: TasksRow }) {
  const pressing = row.priority === "critical" && isOpen(row);
  return <span class={pressing ? "bad" : "muted"}>{words(row.priority)}</span>;
}

export function Progress({ row }: { row: TasksRow }) {
  const part = row.progress ?? (row.status === "completed" ? 1 : null);
  // of what has not begun, or is as good as done, a bar shows nothing
  if (part === null || (part === 0 && row.status === "pending")) return <span class="muted">–</span>;
  if (part === 1 && row.status === "completed") return <span class="muted figures">100%</span>;
  return (
    <span class="with-bar">
      <span class="figures">{percent(part)}</span>
      <Bar part={part} color={statusColor(row.status)} />
    </span>
  );
}

/** Whose task it is, with what they do now while it is open. */
export function Owner({ row }: { row: TasksRow }) {
  const { store } = useApp();
  const agent = row.owner === null ? undefined : store.tables.agents.rows.get(row.owner);
  return (
    <span class="with-mark owner">
      {agent !== undefined && isOpen(row) && (
        <StatusMark status={agent.status} label={`${words(agent.status)}: ${agent.status_reason ?? ""}`} />
      )}
      <AgentName id={row.owner} />
    </span>
  );
}

/** "for 12 min", "open 3 h", "took 4 min". */
export function Age({ row, short = false }: { row: TasksRow; short?: boolean }) {
  const { store } = useApp();
  const age = taskAge(row, store.now.value);
  if (age === null) return short ? null : <span class="muted">–</span>;
  const length = age.word === "took" ? duration(age.ms) : longDuration(coarse(age.ms));
  return (
    <span class="muted figures" title={titleOf(row)}>
      {age.word} {length}
    </span>
  );
}

/** Seconds are no news of what is minutes old, and would only flicker. */
const coarse = (ms: number): number => (ms < 60_000 ? ms : Math.floor(ms / 60_000) * 60_000);

function titleOf(row: TasksRow): string {
  const times = [
    ["created", row.created_at],
    ["started", row.started_at],
    ["completed", row.completed_at],
  ] as const;
  return times.flatMap(([word, at]) => (at === null ? [] : [`${word} ${exactTime(at).slice(0, -4)}`])).join("\n");
}

/** "waits for 2 of 3"; of a closed task only how many it depended on. */
export function Waits({ row, short = false }: { row: TasksRow; short?: boolean }) {
  const { store } = useApp();
  const { open, all } = waitsFor(row, store.tables.tasks.rows);
  if (all === 0) return short ? null : <span class="muted">–</span>;
  if (open > 0) {
    return (
      <span
        class="ink-waiting"
        title={`${plural(open, "task")} of the ${all} it depends on ${open === 1 ? "is" : "are"} not completed`}
      >
        {short ? `waits for ${open}` : `waits for ${open} of ${all}`}
      </span>
    );
  }
  return short ? null : <span class="muted">{isOpen(row) ? `${all} of ${all} met` : plural(all, "task")}</span>;
}
