// The board: a column for each task status that has tasks, cards in order of urgency. Arrow keys go from card to card.

import { useState } from "preact/hooks";
import { integer, score, words } from "../../lib/format.ts";
import { isOpen } from "../../lib/tasks.ts";
import { oneLine } from "../../lib/text.ts";
import { useFresh } from "../../parts/fades.ts";
import { StatusMark } from "../../parts/status.tsx";
import { useApp } from "../../state/context.ts";
import { TASK_STATUSES, type TasksRow } from "../../store/tables.ts";
import { Age, Owner, Priority, Progress, Waits } from "./cells.tsx";

/** More cards than this in one column help nobody; the table has them all. */
const MOST_CARDS = 60;

interface BoardProps {
  readonly rows: readonly TasksRow[];
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
}

export function Board({ rows, selected, onSelect }: BoardProps) {
  const { store, nav } = useApp();
  const [visited, visit] = useState<string | null>(null);
  const isFresh = useFresh(store.tables.tasks.changedAt);
  const columns = TASK_STATUSES.map((status) => ({
    status,
    cards: rows.filter((row) => row.status === status),
  })).filter(({ cards }) => cards.length > 0);
  const shown = new Set(columns.flatMap(({ cards }) => cards.slice(0, MOST_CARDS).map(({ id }) => id)));
  const stop = [visited, selected].find((id) => id !== null && shown.has(id)) ?? columns[0]?.cards[0]?.id;
  const showAll = (status: string) => {
    nav.switch("tasks", "board").value = false;
    nav.show("tasks", { filter: { ...nav.filter("tasks").value, status } });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onSelect(null);
    const to = neighbour(event);
    if (to === null) return;
    event.preventDefault();
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  return (
    <div class="board" onKeyDown={onKeyDown}>
      {columns.map(({ status, cards }) => (
        <section key={status} class="board-column" aria-label={`${words(status)}, ${integer(cards.length)}`}>
          <h3>
            <StatusMark status={status} /> {words(status)} <span class="muted figures">{integer(cards.length)}</span>
          </h3>
          <div class="board-cards">
            {cards.slice(0, MOST_CARDS).map((row) => (
              <Card
                key={row.id}
                row={row}
                selected={row.id === selected}
                fresh={isFresh(row.id)}
                stop={row.id === stop}
                onFocus={() => visit(row.id)}
                onSelect={() => onSelect(row.id)}
              />
            ))}
            {cards.length > MOST_CARDS && (
              <button type="button" class="button" onClick={() => showAll(status)}>
                {integer(cards.length - MOST_CARDS)} more in the table
              </button>
            )}
          </div>
        </section>
      ))}
    </div>
  );
}

/** The card an arrow key leads to. */
function neighbour(event: KeyboardEvent): HTMLElement | null {
  const board = event.currentTarget as HTMLElement;
  const columns = Array.from(board.children, (column) =>
    Array.from(column.querySelectorAll<HTMLElement>(".card-title")),
  );
  const at = columns.findIndex((cards) => cards.includes(event.target as HTMLElement));
  if (at < 0) return null;
  const cards = columns[at]!;
  const row = cards.indexOf(event.target as HTMLElement);
  const beside = (column: HTMLElement[] | undefined) => column?.[Math.min(row, column.length - 1)];
  const moves: Record<string, HTMLElement | undefined> = {
    ArrowDown: cards[row + 1],
    ArrowUp: cards[row - 1],
    ArrowRight: beside(columns[at + 1]),
    ArrowLeft: beside(columns[at - 1]),
    Home: cards[0],
    End: cards.at(-1),
  };
  return moves[event.key] ?? null;
}

interface CardProps {
  readonly row: TasksRow;
  readonly selected: boolean;
  readonly fresh: boolean;
  /** Whether Tab stops here: at one card of the board. */
  readonly stop: boolean;
  readonly onFocus: () => void;
  readonly onSelect: () => void;
}

function Card({ row, selected, fresh, stop, onFocus, onSelect }: CardProps) {
  const open = isOpen(row);
  const pressing = open && (row.priority === "critical" || row.priority === "high");
  return (
    <div class={`card ${fresh ? "fresh" : ""} ${open ? "" : "over"}`} aria-current={selected} onClick={onSelect}>
      <button type="button" class="card-title" tabIndex={stop ? 0 : -1} onFocus={onFocus}>
        {oneLine(row.title ?? row.id)}
      </button>
      {open && (row.progress ?? 0) > 0 && <Progress row={row} />}
      <span class="card-foot muted">
        {row.owner !== null && <Owner row={row} />}
        {pressing && <Priority row={row} />}
        <Waits row={row} short />
        {row.quality !== null && <span title="how the work was judged, from 0 to 1">{score(row.quality)}</span>}
        <Age row={row} short />
      </span>
    </div>
  );
}
