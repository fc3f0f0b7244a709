// Which stretch of time a view opens on: the last minutes, or, where nothing happened in them, the last in which
// something did; and the windows themselves, which outlive the tab that shows them.
import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import type { Nav } from "../state/nav.ts";
import { eventsOf } from "../store/events.ts";
import type { Shown } from "../store/store.ts";
import { activeBetween, lastStretch, withMargin } from "./extent.ts";
import { TimeWindow, USUAL_LENGTH } from "./window.ts";

const windows = new WeakMap<Nav, WeakMap<Shown, Map<string, TimeWindow>>>();

/** The window of a view, kept while other tabs are open; the past has windows of its own, as it has its own clock. */
export function windowOf(nav: Nav, store: Shown, name: string): TimeWindow {
  const ofNav = windows.get(nav) ?? new WeakMap<Shown, Map<string, TimeWindow>>();
  windows.set(nav, ofNav);
  const ofStore = ofNav.get(store) ?? new Map<string, TimeWindow>();
  ofNav.set(store, ofStore);
  const window = ofStore.get(name) ?? new TimeWindow(store.now);
  ofStore.set(name, window);
  return window;
}

/** The last stretch of activity while nothing happens now, else null. Suggests it to the window. */
export function useQuiet(store: Shown, window: TimeWindow): ReadonlySignal<readonly [number, number] | null> {
  const index = eventsOf(store);
  const stretch = useComputed(() => lastStretch(index.value, store.now.peek()));
  const quiet = useComputed(() => {
    const now = store.now.value;
    return stretch.value !== null && activeBetween(index.value, now - USUAL_LENGTH, now).size === 0;
  });
  useSignalEffect(() => window.suggest(quiet.value ? withMargin(stretch.value!) : null));
  return useComputed(() => (quiet.value ? stretch.value : null));
}
