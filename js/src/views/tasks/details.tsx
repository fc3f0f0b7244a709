// What a task's details say beside its fields: what it is about, its course, what it hangs on, how it was judged,
// and the messages about it.

import { useMemo } from "preact/hooks";
import { Score } from "../../charts/score.tsx";
import { duration, exactTime, integer, longDuration, stamp, words } from "../../lib/format.ts";
import { newestFirst } from "../../lib/sort.ts";
import { isOpen } from "../../lib/tasks.ts";
import { oneLine } from "../../lib/text.ts";
import { AgentName } from "../../parts/agent-name.tsx";
import { Section } from "../../parts/section.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Prose } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { useApp } from "../../state/context.ts";
import type { TasksRow } from "../../store/tables.ts";
import { TaskChange } from "./change.tsx";
import { dependencies, taskLinks } from "./links.ts";

/** The fields that `TaskDetails` shows. */
export const TASK_FIELDS = [
  "title",
  "description",
  "notes",
  "depends_on",
  "parent_id",
  "created_at",
  "started_at",
  "completed_at",
  "quality",
];

const MOST_MESSAGES = 20;

export function TaskDetails({ row }: { row: TasksRow }) {
  const { store } = useApp();
  const { tasks } = store.tables;
  const all = tasks.list();
  const links = useMemo(() => taskLinks(all), [all]);
  const needs = dependencies(row);
  return (
    <>
      {row.description !== null && row.description !== row.title && <Prose class="task-text" text={row.description} />}
      <TaskChange row={row} />
      <Course row={row} />
      {row.parent_id !== null && <TaskList title="part of" ids={[row.parent_id]} />}
      {needs.length > 0 && <TaskList title="depends on" ids={needs} />}
      <TaskList title="needed by" ids={(links.neededBy.get(row.id) ?? []).map(({ id }) => id)} />
      <TaskList title="made of" ids={(links.parts.get(row.id) ?? []).map(({ id }) => id)} />
      {row.notes !== null && (
        <Section title="notes">
          <Prose text={row.notes} />
        </Section>
      )}
      <Judgements row={row} />
      <Messages row={row} />
    </>
  );
}

function Course({ row }: { row: TasksRow }) {
  const { store } = useApp();
  const now = store.now.value;
  const ended = isOpen(row) ? now : row.completed_at;
  const begun = row.started_at ?? row.completed_at ?? (isOpen(row) ? now : null);
  const steps = [
    { word: "created", at: row.created_at, to: begun, then: row.started_at === null ? "open" : "waited" },
    { word: "started", at: row.started_at, to: ended, then: isOpen(row) ? "in progress for" : "took" },
    { word: row.status === "failed" ? "failed" : "completed", at: row.completed_at, to: null, then: "" },
  ].filter(({ at }) => at !== null);
  if (steps.length === 0) return null;
  return (
    <Section title="course">
      <ol class="course">
        {steps.map(({ word, at, to, then }) => (
          <li key={word}>
            <span>{word}</span>
            <span class="figures" title={exactTime(at)}>
              {stamp(at, now)}
            </span>
            <span class="muted figures">
              {to !== null && `${then} ${to === now ? longDuration(to - at!) : duration(Math.max(0, to - at!))}`}
            </span>
          </li>
        ))}
      </ol>
    </Section>
  );
}

/** Tasks as ways to them, each with its status and whose it is. */
function TaskList({ title, ids }: { title: string; ids: readonly string[] }) {
  const { store, nav } = useApp();
  if (ids.length === 0) return null;
  const known = ids.map((id) => store.tables.tasks.rows.get(id));
  const done = known.filter((task) => task?.status === "completed").length;
  return (
    <Section title={title} aside={ids.length > 1 ? `${integer(done)} of ${integer(ids.length)} completed` : undefined}>
      <ul class="plain linked">
        {ids.map((id, i) => {
          const task = known[i];
          if (task === undefined) {
            return (
              <li key={id}>
                <StatusMark status={null} />{" "}
                <span class="line muted" title={oneLine(id)}>{`${oneLine(id)}, not known here`}</span>
              </li>
            );
          }
          return (
            <li key={id}>
              <StatusMark status={task.status} />
              <button
                type="button"
                class="link line"
                title={oneLine(task.title ?? id)}
                onClick={() => nav.select("tasks", id)}
              >
                {oneLine(task.title ?? id)}
              </button>
              <span class="muted linked-end">
                {task.owner === null ? words(task.status) : <AgentName id={task.owner} inTabOrder />}
              </span>
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

function Judgements({ row }: { row: TasksRow }) {
  const { store, nav } = useApp();
  const { quality } = store.tables;
  quality.version.value;
  const all = quality.list();
  const judged = useMemo(
    () =>
      newestFirst(
        all.filter(({ task_id }) => task_id === row.id),
        ({ at }) => at,
      ),
    [all, row.id],
  );
  if (judged.length === 0 && row.quality === null) return null;
  return (
    <Section
      title="quality"
      aside={judged.length === 0 ? undefined : judged.length === 1 ? "1 judgement" : `${judged.length} judgements`}
    >
      {judged.length === 0 && <Score value={row.quality} />}
      <ul class="plain judged">
        {judged.map((one) => (
          <li key={one.id}>
            <Score value={one.score} />
            <button type="button" class="link line" onClick={() => nav.open("quality", one.id)}>
              {words(one.kind)} by {oneLine(one.assessor ?? "nobody named")}
            </button>
            <Time at={one.at} fits="clock" seconds />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Messages({ row }: { row: TasksRow }) {
  const { store, nav } = useApp();
  const { messages } = store.tables;
  messages.version.value;
  const all = messages.list();
  const about = useMemo(
    () =>
      newestFirst(
        all.filter(({ task_id }) => task_id === row.id),
        ({ at }) => at,
      ),
    [all, row.id],
  );
  if (about.length === 0) return null;
  const more = about.length - MOST_MESSAGES;
  return (
    <Section
      title="messages about it"
      aside={more > 0 ? `newest ${MOST_MESSAGES} of ${integer(about.length)}` : integer(about.length)}
    >
      <ul class="plain task-messages">
        {about.slice(0, MOST_MESSAGES).map((message) => (
          <li key={message.id}>
            <span class="task-message-head">
              <AgentName id={message.sender} inTabOrder />
              <span class="muted" aria-label="to">
                →
              </span>
              <AgentName id={message.recipient} inTabOrder />
              <Time at={message.at} fits="clock" seconds />
            </span>
            <button
              type="button"
              class="link line"
              title={oneLine(message.text ?? "")}
              onClick={() => nav.open("messages", message.id)}
            >
              {oneLine(message.text ?? words(message.kind))}
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
