// The context of every component: the tables, the navigation and the calls to the server.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Shown, Store } from "../store/store.ts";
import type { TableName } from "../store/tables.ts";
import type { Ask } from "./ask.ts";
import type { Changes } from "./changes.ts";
import type { Nav } from "./nav.ts";

export interface App {
  /** What is shown: the present, or the moment of the time travel. */
  readonly store: Shown;
  /** The replica itself. */
  readonly live: Store;
  readonly nav: Nav;
  /** null where nobody can be asked, in a saved page. */
  readonly ask: Ask | null;
  /** What people change, and what came of it. */
  readonly changes: Changes;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("a part was mounted outside the app");
  return app;
}

/** What is selected of a table, and how to select in it. */
export function useSelection(table: TableName) {
  const { nav } = useApp();
  const selection = nav.selected.value;
  return {
    selected: selection?.table === table ? selection.id : null,
    onSelect: (id: string | null) => nav.select(table, id),
  };
}
