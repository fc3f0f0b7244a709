// The frame every view shares: a toolbar with filters, count and copy button; the rows; the details beside them.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { exactTime, integer, plural } from "../lib/format.ts";
import { type Bounds, stretchText } from "../lib/stretch.ts";
import { useApp } from "../state/context.ts";
import { hasOlder, isLoading, loadOlder } from "../state/older.ts";
import { pythonRows } from "../state/python.ts";
import type { Facet, Query } from "../state/query.ts";
import { useBounds, useStretchOf } from "../state/stretch.ts";
import { recordedRows } from "../store/store.ts";
import { COLUMNS, type Rows, type TableName, VIEW_OF } from "../store/tables.ts";
import { CopyButton } from "./copy.tsx";
import { Empty } from "./empty.tsx";
import { Filters } from "./filters.tsx";
import { SaveRows } from "./save-rows.tsx";
import { useScrollEnds } from "./scroll-ends.ts";
import { Totals } from "./totals.tsx";

interface FrameProps<T extends TableName, R extends object> {
  readonly table: T;
  readonly facets: readonly Facet<R>[];
  readonly query: Query<R>;
  /** How many rows there are without search and filters. */
  readonly total: number;
  /** What a row is called, and several. */
  readonly nouns: readonly [string, string];
  /** What to say when there are no rows at all. */
  readonly nothing: ComponentChildren;
  readonly tools?: ComponentChildren;
  /** A choice of the stretch of time, in place of the chip that ends it. */
  readonly times?: ComponentChildren;
  readonly details?: (row: Rows[T]) => ComponentChildren;
  readonly children: ComponentChildren;
}

/** Tables whose rows last: their figures are of all their time. */
const WHOLE: ReadonlySet<TableName> = new Set(["agents", "sessions"]);

export function Frame<T extends TableName, R extends object>(props: FrameProps<T, R>) {
  const { table, query, total, nouns } = props;
  const shown = query.rows.length;
  const { store, live, ask, nav } = useApp();
  const filter = nav.filter(VIEW_OF[table]);
  const selection = nav.selected.value;
  store.tables[table].version.value;
  const rows = store.tables[table].rows as ReadonlyMap<string, Rows[T]>;
  const row = selection?.table === table ? rows.get(selection.id) : undefined;
  const columns = Object.entries(filter.value).filter(([key]) => key in COLUMNS[table]);
  const bounds = useBounds();
  useStretchOf(table);
  const toolbar = useRef<HTMLDivElement>(null);
  useScrollEnds(toolbar);
  const recorded = recordedRows(store, table);
  const held = recorded > rows.size ? `newest ${integer(total)}` : integer(total);
  // What a view leaves out, such as heartbeats, is among those recorded: "of" all would mean other rows.
  const count =
    shown !== total
      ? `${integer(shown)} of ${held} ${total === 1 ? nouns[0] : nouns[1]}`
      : recorded > rows.size && total === rows.size
        ? `${held} of ${plural(recorded, ...nouns)}`
        : `${held} ${total === 1 ? nouns[0] : nouns[1]}`;
  const clear = () => {
    nav.search.value = "";
    nav.stretch.value = null;
    filter.value = {};
  };
  return (
    <div class="view">
      <div ref={toolbar} class="toolbar ends-fade">
        {nav.stretch.value !== null && props.times === undefined && (
          <button
            type="button"
            class="chip"
            aria-pressed="true"
            title={`Only what was in this time: ${boundsText(bounds!)}. Press for any time`}
            onClick={() => {
              nav.stretch.value = null;
            }}
          >
            {stretchText(nav.stretch.value, store.now.value)} <span aria-hidden="true">✕</span>
          </button>
        )}
        {props.times}
        <Filters facets={props.facets} query={query} filter={filter} />
        {props.tools}
        <span class="toolbar-end">
          <span class="muted figures">{count}</span>
          {recorded > rows.size && ask !== null && live.connection.value.state !== "saved" && hasOlder(live, table) && (
            <button
              type="button"
              class="button"
              disabled={isLoading(table)}
              title="Load the next older rows from the server"
              onClick={() => void loadOlder(live, ask, table).catch(() => {})}
            >
              Older
            </button>
          )}
          <CopyButton text={pythonRows(table, Object.fromEntries(columns), bounds)} icon>
            Copy Python
          </CopyButton>
          {shown > 0 && <SaveRows table={table} rows={query.rows} nouns={nouns} />}
        </span>
      </div>
      <div class="split">
        <div class="main">
          {query.rows.length > 0 ? (
            props.children
          ) : total === 0 ? (
            <Empty title={`No ${nouns[1]} yet.`}>{props.nothing}</Empty>
          ) : (
            <Empty title={`None of ${plural(total, ...nouns)} matches.`}>
              <span class="empty-ways">
                <button type="button" class="button" onClick={clear}>
                  Clear search and filters
                </button>
                {nav.search.value.trim() !== "" && (
                  <button type="button" class="button" onClick={() => (nav.everything.value = true)}>
                    Search everything
                  </button>
                )}
              </span>
            </Empty>
          )}
          {shown > 0 && (
            <Totals
              table={table}
              rows={query.rows}
              nouns={nouns}
              covers={
                bounds !== null && WHOLE.has(table)
                  ? `${nouns[1]} of this time as a whole, with what was before and after`
                  : recorded > rows.size
                    ? `of the newest ${integer(rows.size)} of ${integer(recorded)} rows`
                    : null
              }
            />
          )}
        </div>
        {row !== undefined && props.details?.(row)}
      </div>
    </div>
  );
}

/** "2026-11-26 14:00:00 to now". */
function boundsText({ from, to }: Bounds): string {
  return `${exactTime(from).slice(0, -4)} to ${Number.isFinite(to) ? exactTime(to).slice(0, -4) : "now"}`;
}
