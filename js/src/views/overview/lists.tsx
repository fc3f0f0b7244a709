// The latest messages and the tasks in hand; each row opens its details.
import { Bar } from "../../charts/bar.tsx";
import { Burndown } from "../../charts/burndown.tsx";
import { MINUTE } from "../../lib/durations.ts";
import { integer, percent } from "../../lib/format.ts";
import { lowerBound } from "../../lib/ordered.ts";
import { Ends } from "../../parts/ends.tsx";
import { useFresh } from "../../parts/fades.ts";
import { KindPill } from "../../parts/kind.tsx";
import { StatusMark, statusColor } from "../../parts/status.tsx";
import { TaskTitle } from "../../parts/task-title.tsx";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import type { Nav } from "../../state/nav.ts";
import { type Events, messageAt } from "../../store/events.ts";
import { agentName, alikeIn } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { TasksRow } from "../../store/tables.ts";
import { taskTotals } from "./figures.ts";

/** More than there is room for: the lists take the height that is left, and scroll. */
const ROWS = 30;

export function LatestMessages({ store, nav, index }: { store: Shown; nav: Nav; index: Events }) {
  const now = store.now.value;
  const latest = index.messages.slice(-ROWS).reverse();
  const lastMinute = index.messages.length - lowerBound(index.messages, now - MINUTE, messageAt);
  const isFresh = useFresh(store.tables.messages.changedAt);
  return (
    <section class="overview-list latest" aria-label="Latest messages">
      <Heading
        title="Messages"
        note={`${integer(lastMinute)} in the last minute`}
        onOpen={() => nav.show("messages")}
      />
      {latest.map((message) => (
        <button
          key={message.id}
          type="button"
          class={`overview-row overview-message ${isFresh(message.id) ? "fresh" : ""}`}
          onClick={() => nav.open("messages", message.id)}
        >
          <Time at={message.at} fits="clock" />
          <span class="overview-ends">
            <Name store={store} id={message.sender} />
            <span class="muted">→</span>
            <Name store={store} id={message.recipient} />
          </span>
          <KindPill kind={message.kind} />
          <Line text={message.text} />
        </button>
      ))}
      {latest.length === 0 && <p class="muted">No messages yet.</p>}
    </section>
  );
}

function Name({ store, id }: { store: Shown; id: string | null }) {
  return id === null ? <span>–</span> : <Ends strong text={agentName(store, id)} alike={alikeIn(store, id)} />;
}

export function TasksInHand({ store, nav, burndown }: { store: Shown; nav: Nav; burndown: boolean }) {
  const tasks = store.tables.tasks;
  tasks.version.value;
  const rows = tasks.list();
  const inHand = tasksInHand(rows).slice(0, ROWS);
  const isFresh = useFresh(tasks.changedAt);
  const { done, total } = taskTotals(rows);
  return (
    <section class="overview-list" aria-label="Tasks in progress">
      <Heading
        title="Tasks in progress"
        note={total === 0 ? "" : `${integer(done)} of ${integer(total)} done`}
        onOpen={() => nav.show("tasks")}
      />
      {burndown && done < total && <Burndown store={store} height={44} />}
      {inHand.map((task) => (
        <button
          key={task.id}
          type="button"
          class={`overview-row ${isFresh(task.id) ? "fresh" : ""}`}
          onClick={() => nav.open("tasks", task.id)}
        >
          <StatusMark status={task.status} />
          <TaskTitle task={task} />
          {task.progress !== null && (
            <>
              <Bar part={task.progress} color={statusColor(task.status)} />
              <span class="muted overview-part">{percent(task.progress)}</span>
            </>
          )}
          <span class="muted overview-owner">
            <Ends text={task.owner === null ? "no owner" : agentName(store, task.owner)} />
          </span>
        </button>
      ))}
      {inHand.length === 0 && (
        <p class="muted">{rows.length === 0 ? "No tasks yet." : "Nobody works on a task now."}</p>
      )}
    </section>
  );
}

const ORDER = ["in_progress", "blocked"];

/** Tasks somebody works on, then those that are stuck; the last changed first. */
function tasksInHand(tasks: readonly TasksRow[]): TasksRow[] {
  return tasks
    .filter((task) => ORDER.includes(task.status ?? ""))
    .sort((a, b) => ORDER.indexOf(a.status!) - ORDER.indexOf(b.status!) || (b.updated_at ?? 0) - (a.updated_at ?? 0));
}

function Heading({ title, note, onOpen }: { title: string; note: string; onOpen: () => void }) {
  return (
    <button type="button" class="overview-heading muted" onClick={onOpen}>
      <span>{title}</span>
      <span>{note}</span>
    </button>
  );
}
