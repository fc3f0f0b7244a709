// The header line: is it live, how old is it, where can one go, what is searched, and Pause.
import { useComputed } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "./context.ts";
import { age, duration, when } from "./format.ts";
import { VIEWS, type ViewName } from "./nav.ts";
import type { Connection } from "./store.ts";
import { needsOf } from "./needs.ts";

export const PANEL_ID = "aw-panel";
export const tabId = (view: ViewName): string => `aw-tab-${view}`;

const capitalized = (view: ViewName): string => view[0]!.toUpperCase() + view.slice(1);

export function Header({ searchField }: { searchField: RefObject<HTMLInputElement | null> }) {
  const { live, nav } = useApp();
  const paused = live.paused.value;
  return (
    <header class="header">
      <State />
      <Tabs />
      <div class="header-tools">
        <input
          ref={searchField}
          class="search"
          type="search"
          placeholder="Search  /"
          aria-label="Search what this tab shows"
          value={nav.search.value}
          onInput={(event) => {
            nav.search.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key === "Escape") nav.search.value = "";
          }}
        />
        <button
          type="button"
          class="button"
          aria-pressed={nav.travels.value}
          title={nav.travels.value ? "Back to the present" : "See everything as it was at a moment of the past"}
          onClick={() => nav.travel(!nav.travels.value)}
        >
          History
        </button>
        {live.connection.value.state !== "saved" && (
        <button
          type="button"
          class="button pause"
          aria-pressed={paused}
          title={paused ? "Show what happened meanwhile, and go on" : "Freeze what is shown; the data goes on arriving"}
          onClick={() => live.setPaused(!paused)}
        >
          {paused ? "Resume" : "Pause"}
        </button>
        )}
      </div>
    </header>
  );
}

function roundTrip({ rtt, server }: Connection): string {
  if (rtt === null) return "round trip not measured yet";
  const own = `round trip ${duration(rtt)}`;
  return server === null ? own : `${own} to the kernel, ${duration(server)} from there to the watcher`;
}

function State() {
  const { store, live } = useApp();
  const connection = live.connection.value;
  const { state, rtt, heardAt } = connection;
  const moves = !store.past && state !== "saved";
  const now = useNow(state === "live" ? 500 : 1000);
  const shown = store.past
    ? "past"
    : state !== "live"
      ? state
      : !live.loading.value.done
        ? "loading"
        : live.paused.value
          ? "paused"
          : state;
  return (
    <div class={`state state-${shown}`}>
      <span class="state-dot" aria-hidden="true" />
      <strong>{shown}</strong>
      {moves && (
        <span class="muted figures state-age" title={`${roundTrip(connection)}; age of the last word from the watcher`}>
          {rtt !== null && state === "live" ? `${duration(rtt)} · ` : ""}
          {heardAt === 0 ? "" : age(now - heardAt)}
        </span>
      )}
      {state === "saved" && <span class="muted figures state-age">{when(heardAt, now)}</span>}
    </div>
  );
}

/** Local time, read again every so often. */
function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Math.max(now, Date.now());
}

function Tabs() {
  const { store, nav } = useApp();
  const list = useRef<HTMLDivElement>(null);
  const current = nav.tab.value;
  const needs = useComputed(() => needsOf(store).length).value;
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  const go = (view: ViewName) => {
    nav.tab.value = view;
    list.current?.querySelector<HTMLElement>(`#${tabId(view)}`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = VIEWS.indexOf(current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: VIEWS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(VIEWS[(to + VIEWS.length) % VIEWS.length]!);
  };
  return (
    <div ref={list} class="tabs" role="tablist" aria-label="Views" onKeyDown={onKeyDown}>
      {VIEWS.map((view) => (
        <button
          key={view}
          type="button"
          id={tabId(view)}
          class="tab"
          role="tab"
          aria-selected={view === current}
          aria-controls={PANEL_ID}
          tabIndex={view === current ? 0 : -1}
          onClick={() => go(view)}
        >
          {capitalized(view)}
          {view === "overview" && view !== current && needs > 0 && (
            <span class="tab-needs" aria-hidden="true" title={`${needs} need you`}>
              ◆ {needs}
            </span>
          )}
        </button>
      ))}
    </div>
  );
}
