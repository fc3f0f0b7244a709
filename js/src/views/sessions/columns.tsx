// The columns of the sessions view, and which of them give way first.

import { duration, integer, money, short, UNKNOWN, words } from "../../lib/format.ts";
import type { SortValue } from "../../lib/sort.ts";
import { oneLine } from "../../lib/text.ts";
import { tokensOf } from "../../lib/tokens.ts";
import { agentColumn } from "../../parts/agent-column.tsx";
import { Ends } from "../../parts/ends.tsx";
import type { Column } from "../../parts/grid/types.ts";
import { HostMark } from "../../parts/host.tsx";
import { ModelName } from "../../parts/model-name.tsx";
import { Project } from "../../parts/project.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { sessionName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { SessionsRow } from "../../store/tables.ts";
import type { SessionItem } from "./tree.ts";

const INDENT_PX = 16;

/** Few agents write when a session is over: then it lasted, as far as is known, until its last change. */
export function lasted(row: SessionsRow): number | null {
  if (row.duration_ms) return row.duration_ms; // of one that has a single line nothing is known
  const { started_at, updated_at } = row;
  return started_at === null || updated_at === null || updated_at <= started_at ? null : updated_at - started_at;
}

/** The name of its agent, where that is known, and its id. */
function Untitled({ store, id }: { store: Shown; id: string }) {
  const name = sessionName(store, id);
  return (
    <>
      {name !== oneLine(id) && <span class="name">{name}</span>}
      <Ends text={id} class="muted gives-way" />
    </>
  );
}

type Shape = Pick<Column<SessionItem>, "min" | "wish" | "grow" | "rank" | "end" | "lead">;
type Cell = ReturnType<Column<SessionItem>["cell"]>;

export function sessionColumns(store: Shown): readonly Column<SessionItem>[] {
  const column = (
    key: string,
    title: string,
    shape: Shape,
    value: (row: SessionsRow) => SortValue,
    cell: (row: SessionsRow, depth: number) => Cell,
  ): Column<SessionItem> => ({
    key,
    title,
    ...shape,
    value: (item) => value(item.row),
    cell: (item) => cell(item.row, item.depth),
  });
  const figure = (
    key: "messages" | "tool_calls" | "errors" | "files_changed",
    title: string,
    min: number,
    rank: number,
  ) =>
    column(
      key,
      title,
      { min, rank, end: true },
      (row) => row[key],
      (row) => <span class={key === "errors" && row.errors ? "bad" : ""}>{integer(row[key])}</span>,
    );
  const agent = agentColumn<"agent_id", SessionsRow>(store, "agent_id", { title: "agent" });
  return [
    column(
      "title",
      "session",
      { min: 240, wish: 380, grow: 8, lead: true },
      (row) => row.title,
      (row, depth) => (
        <span class="with-mark" style={{ paddingInlineStart: `${depth * INDENT_PX}px` }}>
          <StatusMark status={row.status} />
          {row.title ? <Line text={row.title} /> : <Untitled store={store} id={row.id} />}
          <HostMark host={row.host} />
        </span>
      ),
    ),
    column(
      "status",
      "status",
      { min: 52, rank: 8 },
      (row) => row.status,
      (row) => words(row.status),
    ),
    column(
      "agent_id",
      "agent",
      { min: 100, wish: 150, grow: 1, rank: 12 },
      (row) => agent.value!(row),
      (row) => agent.cell(row),
    ),
    column(
      "project",
      "project",
      { min: 112, grow: 1.5, rank: 6 },
      (row) => row.project,
      (row) => <Project row={row} />,
    ),
    column(
      "branch",
      "branch",
      { min: 100, wish: 130, grow: 1, rank: 11 },
      (row) => row.branch,
      (row) => <Line text={row.branch} class="muted" />,
    ),
    column(
      "model",
      "model",
      { min: 88, rank: 9 },
      (row) => row.model,
      (row) => <ModelName model={row.model} />,
    ),
    column(
      "started_at",
      "started",
      { min: 90, rank: 1 },
      (row) => row.started_at,
      (row) => <Time at={row.started_at} fits="clock" />,
    ),
    column("duration_ms", "duration", { min: 84, rank: 3, end: true }, lasted, (row) => (
      <span
        title={row.duration_ms === null && lasted(row) !== null ? "from its beginning to its last change" : undefined}
      >
        {duration(lasted(row))}
      </span>
    )),
    figure("messages", "messages", 62, 10),
    figure("tool_calls", "tools", 46, 4),
    figure("errors", "errors", 42, 4),
    figure("files_changed", "files", 40, 10),
    column("tokens", "tokens", { min: 52, rank: 5, end: true }, tokensOf, (row) => (
      <span title={tokensOf(row) === null ? undefined : `${integer(tokensOf(row))} tokens, cache included`}>
        {short(tokensOf(row))}
      </span>
    )),
    column(
      "cost_usd",
      "cost",
      { min: 62, rank: 2, end: true },
      (row) => row.cost_usd,
      (row) => {
        // Without tokens there is nothing to price.
        const cost =
          row.cost_usd === null && tokensOf(row) === null ? UNKNOWN : money(row.cost_usd, row.unpriced_requests);
        return <span class={row.cost_usd === null ? "muted" : ""}>{cost}</span>;
      },
    ),
  ];
}
