// One line of the table: the cells of a row, or a band over the whole width.
import type { ComponentChildren } from "preact";
import type { Column } from "./types.ts";

interface GridRowProps<R> {
  readonly row: R;
  readonly domId: string;
  /** Its number among all rows, the head being 1. */
  readonly index: number;
  readonly columns: readonly Column<R>[];
  /** The column with a line of its own. */
  readonly lead: Column<R> | undefined;
  readonly band: ComponentChildren | null;
  readonly class: string;
  readonly cursor: boolean;
  readonly fresh: boolean;
  readonly selected: boolean;
  /** In a tree: how deep, and whether what hangs on it is shown. */
  readonly level: number | undefined;
  readonly expanded: boolean | undefined;
  readonly onChoose: () => void;
}

export function GridRow<R>(props: GridRowProps<R>) {
  const { row, columns, band, lead } = props;
  const names = ["row", props.class, band !== null && "band", props.cursor && "cursor", props.fresh && "fresh"];
  return (
    <div
      id={props.domId}
      class={names.filter(Boolean).join(" ")}
      role="row"
      aria-rowindex={props.index}
      aria-selected={props.selected}
      aria-level={props.level}
      aria-expanded={props.expanded}
      onClick={props.onChoose}
    >
      {band !== null ? (
        <div role="gridcell" class="cell" aria-colspan={columns.length}>
          {band}
        </div>
      ) : (
        <>
          {lead !== undefined && (
            <div role="gridcell" class="cell lead">
              {lead.cell(row)}
            </div>
          )}
          {columns.map((column) => (
            <div key={column.key} role="gridcell" class={column.end ? "cell end" : "cell"}>
              {/* A line of dashes under a title says nothing. */}
              {lead !== undefined && column.value?.(row) === null ? null : column.cell(row)}
            </div>
          ))}
        </>
      )}
    </div>
  );
}
