// What every part of a mounted view may ask for: the replica and where the person is in it.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Nav } from "./nav.ts";
import type { Store } from "./store.ts";

export interface App {
  readonly store: Store;
  readonly nav: Nav;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("a part was mounted outside the app");
  return app;
}
