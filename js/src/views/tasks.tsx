// Tasks: as a table or as a board with a column for each status.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { Grid } from "../parts/grid.tsx";
import { Switch } from "../parts/switch.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { TASK_STATUSES, type TasksRow } from "../tables.ts";
import { Board } from "./tasks-board.tsx";
import { PRIORITIES, byUrgency, taskColumns } from "./tasks-columns.tsx";

const facets: readonly Facet<TasksRow>[] = [
  { key: "status", title: "status", values: (row) => [row.status], order: TASK_STATUSES },
  { key: "priority", title: "priority", values: (row) => [row.priority], order: PRIORITIES, menu: true },
];

const text = (row: TasksRow) =>
  joined(row.id, row.title, row.description, row.status, row.priority, row.owner, row.notes, ...(row.tags ?? []).map(String));

export function Tasks() {
  const { store, nav } = useApp();
  const { tasks, agents } = store.tables;
  tasks.version.value;
  agents.version.value;
  const all = tasks.list();
  const rows = useMemo(() => all.toSorted(byUrgency), [all]);
  const query = useQuery("tasks", rows, text, facets);
  const board = nav.switch("tasks", "board");
  const columns = useMemo(() => taskColumns(store), [store]);
  const selected = nav.selected.value?.table === "tasks" ? nav.selected.value.id : null;
  const select = (id: string | null) => nav.select("tasks", id);
  return (
    <Frame
      view="tasks"
      table="tasks"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["task", "tasks"]}
      nothing="Tasks appear here when an agent plans its work, or when a workspace has a task list."
      tools={<Switch on={board}>board</Switch>}
      details={(row) => <Details table="tasks" row={row} title={row.title ?? row.id} />}
    >
      {board.value ? (
        <Board rows={query.rows} selected={selected} onSelect={select} />
      ) : (
        <Grid
          label="Tasks"
          columns={columns}
          rows={query.rows}
          sort={nav.sort("tasks")}
          question={query.question}
          latest={tasks.rows}
          changedAt={tasks.changedAt}
          selected={selected}
          onSelect={select}
        />
      )}
    </Frame>
  );
}
