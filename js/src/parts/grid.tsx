// The one table: fixed rows of which only the visible ones exist, sortable, driven by keys, with columns that
// give way to narrow widths. A changed row takes a tint for a moment.
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { integer } from "../format.ts";
import type { Sort } from "../nav.ts";
import { type SortValue, sortedBy } from "../sorting.ts";
import { CHANGE_MEMORY_MS } from "../store.ts";
import { fitColumns, template } from "./columns.ts";
import { type Identified, useHeld } from "./held.ts";
import { useSize } from "./size.ts";

export const ROW_PX = 28;
const OVERSCAN = 6;
const FLASH_MS = 600;

export interface Column<R> {
  readonly key: string;
  readonly title: string;
  /** The least width in px. */
  readonly min: number;
  /** Share of the width left over; 0 keeps to `min`. */
  readonly grow?: number;
  /** The higher, the sooner it goes when there is no room; 0 never goes. */
  readonly rank?: number;
  readonly end?: boolean;
  /** What the column sorts by; without it the column cannot be sorted. */
  readonly value?: (row: R) => SortValue;
  readonly cell: (row: R) => ComponentChildren;
}

export interface GridProps<R extends Identified> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  /** In the view's own order, which `sort` overrides unless the view does that itself. */
  readonly rows: readonly R[];
  readonly sort: Signal<Sort | null>;
  readonly sorted?: boolean;
  /** Stands for the filter: when it changes, the order is not held. */
  readonly question?: string;
  readonly changedAt?: ReadonlyMap<string, number>;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
  /** A row over the whole width, such as the head of a group. */
  readonly band?: (row: R) => ComponentChildren | null;
  readonly onBand?: (id: string) => void;
  /** Newest at the end: stay there until the reader scrolls up. */
  readonly follow?: boolean;
  readonly mono?: boolean;
  readonly rowClass?: (row: R) => string;
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export function Grid<R extends Identified>(props: GridProps<R>) {
  const { columns, follow = false, selected } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(scroller);
  const [top, setTop] = useState(0);
  const [inside, setInside] = useState(false);
  const [atEnd, setAtEnd] = useState(true);
  const [active, setActive] = useState<string | null>(null);
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const prefix = useId();

  const sort = props.sort.value;
  const sortColumn = columns.find((column) => column.key === sort?.column);
  const ordered = useMemo(
    () =>
      sort !== null && sortColumn?.value && props.sorted !== true
        ? sortedBy(props.rows, sortColumn.value, sort.descending)
        : props.rows,
    [props.rows, sort],
  );
  const question = `${sort?.column} ${sort?.descending} ${props.question}`;
  const { shown, waiting, release } = useHeld(ordered, follow ? !atEnd : inside, question);

  const shownColumns = fitColumns(columns, width);
  const first = Math.max(0, Math.floor(top / ROW_PX) - OVERSCAN);
  const last = Math.min(shown.length, Math.ceil((top + height) / ROW_PX) + OVERSCAN);
  const cursor = active ?? selected;

  const flashMs = reducedMotion.matches ? CHANGE_MEMORY_MS : FLASH_MS;
  const nextFade = useFades(redraw);
  const isFresh = (id: string) => {
    const at = props.changedAt?.get(id);
    if (at === undefined) return false;
    const left = at + flashMs - performance.now();
    if (left > 0) nextFade(left);
    return left > 0;
  };

  const reveal = (index: number) => {
    const element = scroller.current;
    if (element === null) return;
    const y = index * ROW_PX;
    if (y < element.scrollTop) element.scrollTop = y;
    else if (y + 2 * ROW_PX > element.scrollTop + element.clientHeight) {
      element.scrollTop = y + 2 * ROW_PX - element.clientHeight;
    }
  };

  useEffect(() => {
    if (selected === null) return;
    setActive(selected);
    const index = shown.findIndex((row) => row.id === selected);
    if (index >= 0) reveal(index);
  }, [selected, height]);

  useLayoutEffect(() => {
    if (follow && atEnd && scroller.current !== null) scroller.current.scrollTop = scroller.current.scrollHeight;
  });

  const onScroll = () => {
    const element = scroller.current!;
    setTop(element.scrollTop);
    if (follow) setAtEnd(element.scrollHeight - element.scrollTop - element.clientHeight < ROW_PX);
  };

  const choose = (row: R) => {
    setActive(row.id);
    if (props.band?.(row) != null) props.onBand?.(row.id);
    else props.onSelect(row.id);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = shown.findIndex((row) => row.id === cursor);
    const page = Math.max(1, Math.floor(height / ROW_PX) - 2);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: shown.length - 1,
    };
    const to = moves[event.key];
    if (to !== undefined && shown.length > 0) {
      event.preventDefault();
      const index = Math.min(shown.length - 1, Math.max(0, to));
      const row = shown[index]!;
      setActive(row.id);
      reveal(index);
      if (selected !== null && props.band?.(row) == null) props.onSelect(row.id);
    } else if (event.key === "Enter" || event.key === " ") {
      const row = shown[at];
      if (row !== undefined) choose(row);
      event.preventDefault();
    } else if (event.key === "Escape" && selected !== null) {
      props.onSelect(null);
    }
  };

  const showWaiting = () => {
    release();
    const element = scroller.current!;
    element.scrollTop = follow ? element.scrollHeight : 0;
    if (follow) setAtEnd(true);
    redraw(0);
  };

  const cursorShown = shown.slice(first, last).some((row) => row.id === cursor);
  return (
    <div
      class={`grid ${props.mono ? "mono" : ""}`}
      onPointerEnter={() => setInside(true)}
      onPointerLeave={() => setInside(scroller.current?.matches(":focus") ?? false)}
    >
      <div
        ref={scroller}
        class="grid-scroller"
        role="grid"
        tabIndex={0}
        aria-label={props.label}
        aria-rowcount={shown.length + 1}
        aria-colcount={columns.length}
        aria-activedescendant={cursorShown ? `${prefix}${cursor}` : undefined}
        style={{ "--columns": template(shownColumns) }}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onFocus={() => setInside(true)}
        onBlur={() => setInside(scroller.current?.matches(":hover") ?? false)}
      >
        <div class="grid-head" role="row" aria-rowindex={1}>
          {shownColumns.map((column) => (
            <Heading key={column.key} column={column} sort={props.sort} />
          ))}
        </div>
        <div role="presentation" class="grid-body" style={{ height: `${shown.length * ROW_PX}px` }}>
          <div role="presentation" style={{ transform: `translateY(${first * ROW_PX}px)` }}>
            {shown.slice(first, last).map((row, i) => {
              const band = props.band?.(row);
              const state = [
                band != null ? "band" : (props.rowClass?.(row) ?? ""),
                row.id === cursor ? "cursor" : "",
                isFresh(row.id) ? "fresh" : "",
              ];
              return (
                <div
                  key={row.id}
                  id={`${prefix}${row.id}`}
                  class={`row ${state.join(" ")}`}
                  role="row"
                  aria-rowindex={first + i + 2}
                  aria-selected={row.id === selected}
                  onClick={() => choose(row)}
                >
                  {band != null ? (
                    <div role="gridcell" class="cell" aria-colspan={shownColumns.length}>
                      {band}
                    </div>
                  ) : (
                    shownColumns.map((column) => (
                      <div key={column.key} role="gridcell" class={column.end ? "cell end" : "cell"}>
                        {column.cell(row)}
                      </div>
                    ))
                  )}
                </div>
              );
            })}
          </div>
        </div>
      </div>
      {(waiting > 0 || (follow && !atEnd)) && (
        <button type="button" class={`button waiting ${follow ? "at-end" : ""}`} onClick={showWaiting}>
          {waiting > 0 ? `${integer(waiting)} new` : "to the newest"} {follow ? "↓" : "↑"}
        </button>
      )}
    </div>
  );
}

/** Once the tint of the last fresh row is over, draw again without it. */
function useFades(redraw: (n: number) => void): (left: number) => void {
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (left) => {
    if (timer.current !== 0) return;
    timer.current = setTimeout(() => {
      timer.current = 0;
      redraw(0);
    }, left) as unknown as number;
  };
}

function Heading<R>({ column, sort }: { column: Column<R>; sort: Signal<Sort | null> }) {
  const mine = sort.value?.column === column.key ? sort.value : null;
  const direction = mine === null ? "none" : mine.descending ? "descending" : "ascending";
  /** First the direction that shows most, then the other, then the view's own order. */
  const onClick = () => {
    if (mine === null) sort.value = { column: column.key, descending: column.end === true };
    else if (mine.descending === (column.end === true)) sort.value = { column: column.key, descending: !mine.descending };
    else sort.value = null;
  };
  return (
    <div role="columnheader" class={column.end ? "cell end" : "cell"} aria-sort={direction}>
      {column.value === undefined ? (
        column.title
      ) : (
        <button type="button" class="heading" tabIndex={-1} onClick={onClick}>
          {column.title}
          {mine !== null && <span aria-hidden="true">{mine.descending ? " ↓" : " ↑"}</span>}
        </button>
      )}
    </div>
  );
}
