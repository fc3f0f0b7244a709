// The grid of all views: fixed rows of which only the visible ones exist, sortable, driven by keys, with columns that
// give way to narrow widths. A changed row takes a tint for a moment.
import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { integer } from "../../lib/format.ts";
import { sortedBy } from "../../lib/sort.ts";
import type { Sort } from "../../state/nav.ts";
import { useFresh } from "../fades.ts";
import { useSize } from "../size.ts";
import { Heading, onHeadKey } from "./heading.tsx";
import { useHeld } from "./held.ts";
import { GridRow } from "./row.tsx";
import type { Column, Identified, Tree } from "./types.ts";
import { fitColumns, template } from "./widths.ts";

const ROW_PX = 28;
/** Narrower, a row has two lines: what it is about above, the rest below. */
const NARROW_PX = 500;
const TWO_LINES_PX = 46;
const OVERSCAN = 6;

interface GridProps<R extends Identified> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  /** In the view's own order, which `sort` overrides unless the view does that itself. */
  readonly rows: readonly R[];
  readonly sort: Signal<Sort | null>;
  readonly sorted?: boolean;
  /** Stands for the filter: when it changes, the order is not held. */
  readonly question?: string;
  /** The rows of the table by id: a row that leaves the filter while the list is held still is the latest. */
  readonly latest?: ReadonlyMap<string, R>;
  readonly changedAt?: ReadonlyMap<string, number>;
  readonly selected: string | null;
  readonly onSelect: (id: string | null) => void;
  /** A row over the whole width, such as the head of a group. */
  readonly band?: (row: R) => ComponentChildren | null;
  readonly onBand?: (id: string) => void;
  /** Newest at the end: stay there until the reader scrolls up. */
  readonly follow?: boolean;
  /** Whether it stays at the end now: for a switch outside, in step with the scrolling. */
  readonly following?: Signal<boolean>;
  readonly mono?: boolean;
  readonly rowClass?: (row: R) => string;
  readonly tree?: Tree<R>;
}

export function Grid<R extends Identified>(props: GridProps<R>) {
  const { columns, follow = false, selected } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const { width, height } = useSize(scroller);
  const [top, setTop] = useState(0);
  const [inside, setInside] = useState(false);
  const ownEnd = useSignal(true);
  const end = props.following ?? ownEnd;
  const atEnd = end.value;
  const setAtEnd = (is: boolean) => {
    end.value = is;
  };
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
  const { shown, waiting, release } = useHeld(ordered, {
    holding: follow ? !atEnd : inside,
    question: `${sort?.column} ${sort?.descending} ${props.question}`,
    latest: props.latest,
  });

  const lead = width > 0 && width < NARROW_PX ? columns.find((column) => column.lead) : undefined;
  const rowPx = lead === undefined ? ROW_PX : TWO_LINES_PX;
  const shownColumns = fitColumns(lead === undefined ? columns : columns.filter((column) => column !== lead), width);
  const firstHead = shownColumns.find((column) => column.value !== undefined);
  const first = Math.max(0, Math.floor(top / rowPx) - OVERSCAN);
  const last = Math.min(shown.length, Math.ceil((top + height) / rowPx) + OVERSCAN);
  const cursor = active ?? selected;

  const isFresh = useFresh(props.changedAt);
  const bandOf = (row: R) => props.band?.(row) ?? null;

  const reveal = (index: number) => {
    const element = scroller.current;
    if (element === null) return;
    const y = index * rowPx;
    const below = y + rowPx + ROW_PX; // and the head
    // With a row beside it, so that it does not stand on the edge.
    if (y < element.scrollTop) element.scrollTop = Math.max(0, y - rowPx);
    else if (below > element.scrollTop + element.clientHeight) element.scrollTop = below + rowPx - element.clientHeight;
  };

  useEffect(() => {
    if (selected === null) return;
    setActive(selected);
    if (follow) setAtEnd(false);
    const index = shown.findIndex((row) => row.id === selected);
    if (index >= 0) reveal(index);
  }, [selected, height]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (!follow || element === null) return;
    if (atEnd) element.scrollTop = element.scrollHeight;
  });

  useLayoutEffect(() => {
    const element = scroller.current;
    // Another question left nothing to scroll to: there is no other way back to the end.
    if (follow && element !== null && element.scrollHeight <= element.clientHeight) setAtEnd(true);
  }, [props.question]);

  const onScroll = () => {
    const element = scroller.current!;
    setTop(element.scrollTop);
    if (follow) setAtEnd(element.scrollHeight - element.scrollTop - element.clientHeight < rowPx);
  };

  const choose = (row: R) => {
    setActive(row.id);
    if (bandOf(row) !== null) props.onBand?.(row.id);
    else props.onSelect(row.id);
  };

  const fold = (row: R, opens: boolean) => {
    const to = props.tree!.step(row, opens);
    if (to === null) return;
    setActive(to);
    reveal(shown.findIndex(({ id }) => id === to));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== scroller.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = shown.findIndex((row) => row.id === cursor);
    const page = Math.max(1, Math.floor(height / rowPx) - 2);
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
      if (selected !== null && bandOf(row) === null) props.onSelect(row.id);
    } else if (event.key === "Enter" || event.key === " ") {
      const row = shown[at];
      if (row !== undefined) choose(row);
      event.preventDefault();
    } else if (props.tree !== undefined && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      if (shown[at] !== undefined) fold(shown[at]!, event.key === "ArrowRight");
      event.preventDefault();
    } else if (event.key === "Escape" && selected !== null) {
      event.preventDefault();
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
      class={`grid ${props.mono ? "mono" : ""} ${lead === undefined ? "" : "two-lines"}`}
      onPointerEnter={() => setInside(true)}
      onPointerLeave={() => setInside(scroller.current?.matches(":focus") ?? false)}
    >
      <div
        ref={scroller}
        class="grid-scroller"
        role={props.tree === undefined ? "grid" : "treegrid"}
        tabIndex={0}
        aria-label={props.label}
        aria-rowcount={shown.length + 1}
        aria-colcount={columns.length}
        aria-activedescendant={cursorShown ? `${prefix}${cursor}` : undefined}
        style={{ "--columns": template(shownColumns, width) }}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onFocus={() => setInside(true)}
        onBlur={() => setInside(scroller.current?.matches(":hover") ?? false)}
      >
        <div class="grid-head" role="row" aria-rowindex={1} onKeyDown={onHeadKey}>
          {shownColumns.map((column) => (
            <Heading key={column.key} column={column} sort={props.sort} inTabOrder={column === firstHead} />
          ))}
        </div>
        <div role="presentation" class="grid-body" style={{ height: `${shown.length * rowPx}px` }}>
          <div role="presentation" style={{ transform: `translateY(${first * rowPx}px)` }}>
            {shown.slice(first, last).map((row, i) => (
              <GridRow
                key={row.id}
                row={row}
                domId={`${prefix}${row.id}`}
                index={first + i + 2}
                columns={shownColumns}
                lead={lead}
                band={bandOf(row)}
                class={props.rowClass?.(row) ?? ""}
                cursor={row.id === cursor}
                fresh={isFresh(row.id)}
                selected={row.id === selected}
                level={props.tree?.level(row)}
                expanded={props.tree?.expanded(row) ?? undefined}
                onChoose={() => choose(row)}
              />
            ))}
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
