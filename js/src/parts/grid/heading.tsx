// The head of a column: its name, and by what it sorts.
import type { Signal } from "@preact/signals";
import type { Sort } from "../../state/nav.ts";
import type { Column } from "./types.ts";

/** First the direction that shows most, then the other, then the view's own order. */
function next(column: string, most: boolean, now: Sort | null): Sort | null {
  if (now === null) return { column, descending: most };
  return now.descending === most ? { column, descending: !most } : null;
}

interface HeadingProps<R> {
  readonly column: Column<R>;
  readonly sort: Signal<Sort | null>;
  /** Of all heads one is reached with Tab, the others from it. */
  readonly inTabOrder: boolean;
}

/** From one head to the next that sorts. */
export function onHeadKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const from = (event.target as Element).closest(".heading");
  if (by === undefined || from === null) return;
  const heads = [...(event.currentTarget as Element).querySelectorAll<HTMLElement>(".heading")];
  heads[(heads.indexOf(from as HTMLElement) + by + heads.length) % heads.length]?.focus();
  event.preventDefault();
}

export function Heading<R>({ column, sort, inTabOrder }: HeadingProps<R>) {
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
        <button type="button" class="heading" tabIndex={inTabOrder ? 0 : -1} onClick={onClick}>
          {column.title}
          {now !== null && <span aria-hidden="true">{now.descending ? " ↓" : " ↑"}</span>}
        </button>
      )}
    </div>
  );
}
