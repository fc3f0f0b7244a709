// Keeps Python and the browser on the same view: each sends the other what was chosen.
import { batch, effect } from "@preact/signals";
import type { ViewState } from "../link/protocol.ts";
import type { LinkSession } from "../link/session.ts";
import { TABLE_NAMES, type TableName, VIEWS, type ViewName } from "../store/tables.ts";
import type { Nav } from "./nav.ts";

/** Typing in the search field is sent when it rests. */
const REST_MS = 150;

export function shareView(nav: Nav, session: LinkSession, signal: AbortSignal): void {
  session.onView((view) => show(nav, view), signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = "";
  const stop = effect(() => {
    const view = viewOf(nav);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const text = JSON.stringify(view);
      if (text !== last) session.sendView(view);
      last = text;
    }, REST_MS);
  });
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    stop();
  });
}

export function viewOf(nav: Nav): ViewState {
  const tab = nav.tab.value;
  return {
    type: "view",
    tab,
    search: nav.search.value,
    filter: nav.filter(tab).value,
    selected: nav.selected.value,
    at: nav.moment.value,
  };
}

/** What is left out stays as it is. */
export function show(nav: Nav, view: ViewState): void {
  batch(() => {
    const { selected } = view;
    if (selected != null && isTable(selected.table)) nav.open(selected.table, selected.id);
    else if (selected === null) nav.selected.value = null;
    if (view.tab !== undefined && isView(view.tab)) nav.tab.value = view.tab;
    if (view.search !== undefined) nav.search.value = view.search;
    if (view.filter !== undefined) nav.filter(nav.tab.value).value = view.filter;
    if (view.at !== undefined) {
      nav.moment.value = view.at;
      nav.travels.value ||= view.at !== null;
    }
  });
}

const isView = (name: string): name is ViewName => (VIEWS as readonly string[]).includes(name);
const isTable = (name: string): name is TableName => (TABLE_NAMES as readonly string[]).includes(name);
