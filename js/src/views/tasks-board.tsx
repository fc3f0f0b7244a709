// The board: a column for each task status that has tasks, cards in order of urgency.
import { useApp } from "../context.ts";
import { integer, words } from "../format.ts";
import { AgentName } from "../parts/agentname.tsx";
import { StatusMark } from "../parts/status.tsx";
import { oneLine } from "../parts/text.tsx";
import { TASK_STATUSES, type TasksRow } from "../tables.ts";
import { Priority, Progress } from "./tasks-columns.tsx";

/** More cards than this in one column help nobody; the table has them all. */
const MOST_CARDS = 60;

interface BoardProps {
  readonly rows: readonly TasksRow[];
  readonly selected: string | null;
  readonly onSelect: (id: string) => void;
}

export function Board({ rows, selected, onSelect }: BoardProps) {
  const { nav } = useApp();
  const showAll = (status: string) => {
    nav.switch("tasks", "board").value = false;
    nav.show("tasks", { filter: { status } });
  };
  return (
    <div class="board">
      {TASK_STATUSES.map((status) => {
        const cards = rows.filter((row) => row.status === status);
        if (cards.length === 0) return null;
        return (
          <section key={status} class="board-column" aria-label={words(status)}>
            <h3>
              <StatusMark status={status} /> {words(status)} <span class="muted figures">{integer(cards.length)}</span>
            </h3>
            <div class="board-cards">
              {cards.slice(0, MOST_CARDS).map((row) => (
                <Card key={row.id} row={row} selected={row.id === selected} onSelect={onSelect} />
              ))}
              {cards.length > MOST_CARDS && (
                <button type="button" class="button" onClick={() => showAll(status)}>
                  {integer(cards.length - MOST_CARDS)} more in the table
                </button>
              )}
            </div>
          </section>
        );
      })}
    </div>
  );
}

function Card({ row, selected, onSelect }: { row: TasksRow; selected: boolean; onSelect: (id: string) => void }) {
  const open = row.status !== "completed" && row.status !== "cancelled";
  return (
    <div class="card" aria-current={selected} onClick={() => onSelect(row.id)}>
      <button type="button" class="card-title">
        {oneLine(row.title ?? row.id)}
      </button>
      {open && row.progress !== null && <Progress row={row} />}
      <span class="card-foot muted">
        <Priority row={row} />
        {row.owner !== null && <AgentName id={row.owner} />}
      </span>
    </div>
  );
}
