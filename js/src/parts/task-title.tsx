// The title of a task on one line, cut where it is like those of other tasks.
import { differsLate } from "../lib/names.ts";
import { oneLine } from "../lib/text.ts";
import { useApp } from "../state/context.ts";
import { alikeTask } from "../store/names.ts";
import type { TasksRow } from "../store/tables.ts";
import { Ends } from "./ends.tsx";
import { Line } from "./text.tsx";

export function TaskTitle({ task }: { task: TasksRow }) {
  const { store } = useApp();
  const title = oneLine(task.title ?? task.id);
  const alike = alikeTask(store, task.id);
  return differsLate(title, alike) ? <Ends text={title} alike={alike} class="task-title" /> : <Line text={title} />;
}
