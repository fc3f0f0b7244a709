// The navigation of one mounted view: tab, search, filters, sort and selection. Lives in the browser
// alone, so it works while the kernel is busy.
import { batch, computed, type Signal, signal } from "@preact/signals";
import type { Stretch } from "../lib/stretch.ts";
import { type TableName, VIEW_OF, type ViewName } from "../store/tables.ts";

/** Column → the values that pass. A column with no values lets everything pass. */
export type Filter = Readonly<Record<string, readonly string[]>>;

export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

export interface Selection {
  readonly table: TableName;
  readonly id: string;
}

export interface Target {
  /** Whose transcript: a session, or an agent. */
  readonly id: string;
  /** Of the entry (`keyOf` in `store/transcript.ts`). */
  readonly key: string;
  /** Where it stands in the file; else its time, ms. */
  readonly position: string | null;
  readonly at?: number | null;
}

export class Nav {
  readonly tab: Signal<ViewName>;
  readonly search = signal("");
  readonly selected: Signal<Selection | null> = signal(null);
  /** The moment that is shown, ms; null: the present. */
  readonly moment: Signal<number | null> = signal(null);
  /** The stretch of time that every table is narrowed to; null: of any time. */
  readonly stretch: Signal<Stretch | null> = signal(null);
  /** Whether the bar of the time travel is there. */
  readonly travels = signal(false);
  /** Whose transcript is read (`trail.ts`): the selected session, then the subagents one went down to. */
  readonly trail: Signal<readonly string[]> = signal([]);
  /** Whether what was found everywhere is shown. */
  readonly everything = signal(false);
  /** The entry that a transcript is to be opened at. */
  readonly target: Signal<Target | null> = signal(null);
  /** Keys of what needs a person and was set aside: the strip comes back with the next one. */
  readonly aside: Signal<ReadonlySet<string>> = signal(new Set<string>());
  readonly #filters = new Map<ViewName, Signal<Filter>>();
  readonly #sorts = new Map<string, Signal<Sort | null>>();
  readonly #switches = new Map<string, Signal<boolean>>();
  readonly #choices = new Map<string, Signal<string>>();

  /** Whether a transcript is open: there Enter in the search box goes from hit to hit. */
  readonly reads = computed(
    () =>
      this.tab.value === "sessions" &&
      this.selected.value?.table === "sessions" &&
      !this.switch("sessions", "fields").value,
  );

  constructor(tab: ViewName = "overview") {
    this.tab = signal(tab);
  }

  filter(view: ViewName): Signal<Filter> {
    return signalOf(this.#filters, view, {});
  }

  /** null: the view's own order. */
  sort(view: ViewName, list = "main"): Signal<Sort | null> {
    return signalOf(this.#sorts, `${view} ${list}`, null);
  }

  /** A switch of a view that is remembered while other tabs are open. */
  switch(view: ViewName, name: string, initial = false): Signal<boolean> {
    return signalOf(this.#switches, `${view} ${name}`, initial);
  }

  /** One of several ways of a view, remembered as a switch is. */
  choice(view: ViewName, name: string, initial: string): Signal<string> {
    return signalOf(this.#choices, `${view} ${name}`, initial);
  }

  /** Go to the view that shows this row, and select it. */
  open(table: TableName, id: string): void {
    batch(() => {
      const view = VIEW_OF[table];
      if (this.tab.value !== view) this.search.value = "";
      this.filter(view).value = {};
      this.tab.value = view;
      this.selected.value = { table, id };
    });
  }

  /** Go to a view; `filter` replaces its filter, `search` the search text, `stretch` the stretch of time. */
  show(
    view: ViewName,
    how: {
      filter?: Readonly<Record<string, string | readonly string[]>>;
      search?: string;
      stretch?: Stretch | null;
    } = {},
  ): void {
    batch(() => {
      this.tab.value = view;
      if (how.search !== undefined) this.search.value = how.search;
      if (how.stretch !== undefined) this.stretch.value = how.stretch;
      if (how.filter === undefined) return;
      const entries = Object.entries(how.filter).map(([column, value]) => [
        column,
        typeof value === "string" ? [value] : value,
      ]);
      this.filter(view).value = Object.fromEntries(entries) as Filter;
    });
  }

  /** Show the bar of the time travel, or go back to the present. */
  travel(travels: boolean): void {
    batch(() => {
      this.travels.value = travels;
      if (!travels) this.moment.value = null;
    });
  }

  select(table: TableName, id: string | null): void {
    this.selected.value = id === null ? null : { table, id };
  }
}

function signalOf<K, T>(signals: Map<K, Signal<T>>, key: K, initial: T): Signal<T> {
  const known = signals.get(key);
  if (known !== undefined) return known;
  const made = signal(initial);
  signals.set(key, made);
  return made;
}
