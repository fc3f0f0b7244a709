// What is shown, in the fragment of the page's address: loading it again, a bookmark and the browser's way back lead
// there. Fragments are sent to nobody; the token is not in it.
import { effect } from "@preact/signals";
import type { ViewState } from "../link/protocol.ts";
import { VIEWS } from "../store/tables.ts";
import type { Nav } from "./nav.ts";
import { show, viewOf } from "./sharing.ts";

const FILTER = "filter.";
/** Typing in the search field is written when it rests. */
const REST_MS = 150;

/** `view=tasks&search=door&filter.status=blocked&select=tasks/t-1&at=2026-11-27T14:05:00.000Z`; what is usual is left out. */
export function fragmentOf({ tab, search, filter, selected, at }: ViewState): string {
  const parts = new URLSearchParams();
  if (tab !== undefined && tab !== VIEWS[0]) parts.set("view", tab);
  if (search) parts.set("search", search);
  for (const [column, values] of Object.entries(filter ?? {})) {
    for (const value of values) parts.append(FILTER + column, value);
  }
  if (selected != null) parts.set("select", `${selected.table}/${selected.id}`);
  if (at != null) parts.set("at", new Date(at).toISOString());
  return parts.toString();
}

/** The view that a fragment describes, whole: what it leaves out is as usual. */
export function viewIn(fragment: string): ViewState {
  const parts = new URLSearchParams(fragment);
  const filtered = [...new Set(parts.keys())].filter((name) => name.startsWith(FILTER));
  const [table, ...id] = (parts.get("select") ?? "").split("/");
  const at = Date.parse(parts.get("at") ?? "");
  return {
    type: "view",
    tab: parts.get("view") ?? VIEWS[0],
    search: parts.get("search") ?? "",
    filter: Object.fromEntries(filtered.map((name) => [name.slice(FILTER.length), parts.getAll(name)])),
    selected: id.length > 0 ? { table: table!, id: id.join("/") } : null,
    at: Number.isFinite(at) ? at : null,
  };
}

function goTo(nav: Nav, fragment: string): void {
  show(nav, viewIn(fragment));
  nav.travels.value = nav.moment.value !== null;
}

/**
 * Keep what is shown under a name of its own for as long as the browser's tab lives, and begin with what was kept: where
 * the address is the host's, as in a notebook, loading the page again leads back too.
 */
export function keepView(nav: Nav, name: string, signal: AbortSignal): void {
  let storage: Storage;
  try {
    storage = sessionStorage;
  } catch {
    return; // a frame without an origin has none, and nothing is kept there
  }
  const key = `agent-widget view ${name}`;
  const kept = storage.getItem(key);
  if (kept !== null) goTo(nav, kept);
  const stop = effect(() => {
    const fragment = fragmentOf(viewOf(nav));
    try {
      if (fragment === "") storage.removeItem(key);
      else storage.setItem(key, fragment);
    } catch {
      // the host's page has filled it: the view is not kept
    }
  });
  signal.addEventListener("abort", stop);
}

/** Go where the address leads, and keep it in step; another tab is a step for the browser's way back. */
export function followAddress(nav: Nav, signal: AbortSignal): void {
  const go = () => goTo(nav, location.hash.slice(1));
  if (location.hash.length > 1) go();
  addEventListener("popstate", go, { signal });
  let tab = nav.tab.peek();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    const view = viewOf(nav);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const fragment = fragmentOf(view);
      if (fragment === location.hash.slice(1)) return;
      const address = location.pathname + location.search + (fragment === "" ? "" : `#${fragment}`);
      history[nav.tab.peek() === tab ? "replaceState" : "pushState"](null, "", address);
      tab = nav.tab.peek();
    }, REST_MS);
  });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    stop();
  });
}
