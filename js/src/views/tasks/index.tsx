// Tasks: as a table or as a board with a column for each status.
import { useMemo } from "preact/hooks";
import { Burndown } from "../../charts/burndown.tsx";
import { joined } from "../../lib/search.ts";
import { Details } from "../../parts/details.tsx";
import { Either } from "../../parts/either.tsx";
import { Frame } from "../../parts/frame.tsx";
import { Grid } from "../../parts/grid/grid.tsx";
import { knownColumns } from "../../parts/grid/known-columns.ts";
import { useApp, useSelection } from "../../state/context.ts";
import { type Facet, hostFacet, useQuery } from "../../state/query.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import { TASK_STATUSES, type TasksRow } from "../../store/tables.ts";
import { Board } from "./board.tsx";
import { byUrgency, PRIORITIES, taskColumns } from "./columns.tsx";
import { NewTask } from "./create.tsx";
import { TASK_FIELDS, TaskDetails } from "./details.tsx";
import { nested, waitsFor } from "./links.ts";

const facetsOf = (store: Shown): readonly Facet<TasksRow>[] => [
  { key: "status", title: "status", values: (row) => [row.status], order: TASK_STATUSES },
  {
    key: "waits",
    title: "dependencies",
    values: (row) => [waitsFor(row, store.tables.tasks.rows).open > 0 ? "waits for others" : null],
    partial: true,
  },
  { key: "owner", title: "owner", values: (row) => [row.owner], name: (id) => agentName(store, id), menu: true },
  { key: "priority", title: "priority", values: (row) => [row.priority], order: PRIORITIES, menu: true },
  { key: "tags", title: "tag", values: (row) => (row.tags ?? []).map(String), menu: true },
  hostFacet,
];

const text = (row: TasksRow) =>
  joined(
    row.id,
    row.title,
    row.description,
    row.status,
    row.priority,
    row.owner,
    row.notes,
    ...(row.tags ?? []).map(String),
  );

export function Tasks() {
  const { store, nav } = useApp();
  const { tasks, agents } = store.tables;
  tasks.version.value;
  agents.version.value;
  const all = tasks.list();
  const rows = useMemo(() => all.toSorted(byUrgency), [all]);
  const facets = useMemo(() => facetsOf(store), [store]);
  const query = useQuery("tasks", rows, text, facets);
  const sort = nav.sort("tasks");
  const inOwnOrder = sort.value === null;
  const tree = useMemo(() => nested(query.rows), [query.rows]);
  const every = useMemo(() => taskColumns(store, inOwnOrder ? tree.depths : new Map()), [store, inOwnOrder, tree]);
  const columns = useMemo(() => knownColumns(every, all), [every, all]);
  const board = nav.switch("tasks", "board");
  const { selected, onSelect } = useSelection("tasks");
  return (
    <Frame
      table="tasks"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["task", "tasks"]}
      nothing="Tasks appear here when an agent plans its work (a to-do list, a task file), or when a workspace has a task list."
      tools={
        <>
          <Either label="show tasks as" on={board} names={["Table", "Board"]} />
          <NewTask />
        </>
      }
      details={(row) => (
        <Details table="tasks" row={row} title={row.title ?? row.id} without={TASK_FIELDS}>
          <TaskDetails key={row.id} row={row} />
        </Details>
      )}
    >
      <div class="tasks-left">
        <Burndown store={store} height={44} />
      </div>
      {board.value ? (
        <Board rows={query.rows} selected={selected} onSelect={onSelect} />
      ) : (
        <Grid
          label="Tasks"
          columns={columns}
          rows={inOwnOrder ? tree.rows : query.rows}
          sort={sort}
          question={query.question}
          latest={tasks.rows}
          changedAt={tasks.changedAt}
          selected={selected}
          onSelect={onSelect}
        />
      )}
    </Frame>
  );
}
