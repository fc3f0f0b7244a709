// The head of a column: its name, and by what it sorts.
import type { Signal } from "@preact/signals";
import type { Sort } from "../nav.ts";
import type { Column } from "./grid.tsx";

/** First the direction that shows most, then the other, then the view's own order. */
function next(column: string, most: boolean, now: Sort | null): Sort | null {
  if (now === null) return { column, descending: most };
  return now.descending === most ? { column, descending: !most } : null;
}

export function Heading<R>({ column, sort }: { column: Column<R>; sort: Signal<Sort | null> }) {
  const now = sort.value?.column === column.key ? sort.value : null;
  const direction = now === null ? "none" : now.descending ? "descending" : "ascending";
  const onClick = () => {
    sort.value = next(column.key, column.end === true, now);
  };
  return (
    <div role="columnheader" class={column.end ? "cell end" : "cell"} aria-sort={direction}>
      {column.value === undefined ? (
        column.title
      ) : (
        <button type="button" class="heading" tabIndex={-1} onClick={onClick}>
          {column.title}
          {now !== null && <span aria-hidden="true">{now.descending ? " ↓" : " ↑"}</span>}
        </button>
      )}
    </div>
  );
}
