// The header: state and age of the connection, tabs, search, history and pause.
import { type Signal, useComputed } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { age, duration, exactTime, when } from "../lib/format.ts";
import { Icon } from "../parts/icons.tsx";
import { useScrollEnds } from "../parts/scroll-ends.ts";
import { useApp } from "../state/context.ts";
import { needsOf } from "../state/needs.ts";
import type { Connection } from "../store/store.ts";
import { VIEWS, type ViewName } from "../store/tables.ts";
import { enterRows } from "./focus.ts";
import { HostsButton } from "./hosts.tsx";
import { Limits } from "./limits.tsx";
import { SavePage } from "./save.tsx";

export const PANEL_ID = "aw-panel";
export const tabId = (view: ViewName): string => `aw-tab-${view}`;

const capitalized = (view: ViewName): string => view[0]!.toUpperCase() + view.slice(1);

export function Header({ help, hosts }: { help: Signal<boolean>; hosts: Signal<boolean> }) {
  const { live, nav } = useApp();
  const paused = live.paused.value;
  const travels = nav.travels.value;
  return (
    <header class="header">
      <State />
      <Tabs />
      <div class="header-tools">
        <HostsButton open={hosts} />
        <Limits />
        <Search />
        <button
          type="button"
          class="button tool"
          aria-pressed={travels}
          title={travels ? "Back to the present (t)" : "See everything as it was at a moment of the past (t)"}
          onClick={() => nav.travel(!travels)}
        >
          <Icon name="history" />
          <span class="tool-word">History</span>
        </button>
        {live.connection.value.state !== "saved" && (
          <button
            type="button"
            class="button tool pause"
            aria-pressed={paused}
            title={
              paused
                ? "Show what happened meanwhile, and go on (p)"
                : "Freeze what is shown; the data goes on arriving (p)"
            }
            onClick={() => live.setPaused(!paused)}
          >
            <Icon name={paused ? "resume" : "pause"} />
            <span class="tool-word">{paused ? "Resume" : "Pause"}</span>
          </button>
        )}
        <SavePage />
        <button
          type="button"
          class="button tool"
          aria-label="Keys and times"
          aria-expanded={help.value}
          title="Keys and times (?)"
          onClick={() => (help.value = !help.value)}
        >
          ?
        </button>
      </div>
    </header>
  );
}

/** Whoever types faster has not finished the word. */
const TYPING_MS = 250;

function Search() {
  const { nav } = useApp();
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const searchAll = () => {
    if (nav.tab.value === "overview" && nav.search.value.trim() !== "") nav.everything.value = true;
  };
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLInputElement }) => {
    if (event.key === "Escape" && nav.search.value !== "") {
      nav.search.value = "";
    } else if (event.key === "Escape" || event.key === "ArrowDown") {
      const app = event.currentTarget.closest(".app")!;
      const hit = app.querySelector<HTMLElement>(".everything .hit");
      if (hit !== null) hit.focus();
      else if (!enterRows(app)) (app as HTMLElement).focus();
    } else if (event.key === "Enter" && !nav.reads.value && nav.search.value.trim() !== "") {
      nav.everything.value = true;
    } else return;
    event.preventDefault();
  };
  const asks = nav.search.value.trim() !== "" && !nav.everything.value;
  return (
    <span class="search-box">
      <input
        class="input search"
        type="search"
        placeholder="Search  /"
        aria-label="Search what this tab shows"
        value={nav.search.value}
        onInput={(event) => {
          nav.search.value = event.currentTarget.value;
          clearTimeout(timer.current);
          // The overview is no list that could be narrowed: what is typed there is looked for everywhere.
          if (nav.tab.value === "overview") timer.current = setTimeout(searchAll, TYPING_MS);
        }}
        onKeyDown={onKeyDown}
      />
      {asks && (
        <button type="button" class="button search-all" onClick={() => (nav.everything.value = true)}>
          search everything{nav.reads.value ? "" : " ⏎"}
        </button>
      )}
    </span>
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
  const { state, rtt, lastFrameAt } = connection;
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
          {rtt !== null && state === "live" && <span class="state-trip">{duration(rtt)} · </span>}
          {lastFrameAt === 0 ? "" : age(now - lastFrameAt)}
        </span>
      )}
      {state === "saved" && (
        <span class="muted figures" title={exactTime(lastFrameAt)}>
          {when(lastFrameAt, now)}
        </span>
      )}
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
  useScrollEnds(list);
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  const go = (view: ViewName) => {
    nav.tab.value = view;
    list.current?.querySelector<HTMLElement>(`#${tabId(view)}`)?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" && enterRows(list.current!.closest(".app")!)) return event.preventDefault();
    const at = VIEWS.indexOf(current);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: VIEWS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(VIEWS[(to + VIEWS.length) % VIEWS.length]!);
  };
  return (
    <div ref={list} class="tabs ends-fade" role="tablist" aria-label="Views" onKeyDown={onKeyDown}>
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
          {view === "overview" && needs > 0 && (
            <span class="tab-needs" aria-hidden="true" title={`${needs} need you`}>
              ◆{needs}
            </span>
          )}
        </button>
      ))}
    </div>
  );
}
