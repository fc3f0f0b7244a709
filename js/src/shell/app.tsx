// The shell: header, notices about the connection, and the view of the chosen tab.
import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import type { Ask } from "../state/ask.ts";
import { Changes } from "../state/changes.ts";
import { AppContext } from "../state/context.ts";
import { Everything } from "../state/everything.ts";
import { type Command, commandOf, isTyped } from "../state/keys.ts";
import type { Nav } from "../state/nav.ts";
import { needsOf, nextNeed } from "../state/needs.ts";
import { times } from "../state/times.ts";
import { memoryVersions } from "../store/memory-versions.ts";
import { Past } from "../store/past.ts";
import type { Store } from "../store/store.ts";
import { views } from "../views/index.ts";
import { AlertStrip } from "./alerts.tsx";
import { Announcer } from "./announcer.tsx";
import { Boundary } from "./boundary.tsx";
import { Done } from "./done.tsx";
import { EverythingPanel } from "./everything.tsx";
import { useKeptFocus } from "./focus.ts";
import { Header, PANEL_ID, tabId } from "./header.tsx";
import { Help } from "./help.tsx";
import { HostsPanel } from "./hosts.tsx";
import { ConnectionNotice, LoadingNotice, SourcesNotice } from "./notices.tsx";
import { ReadingNotice } from "./reading.tsx";
import { Travel } from "./travel.tsx";

interface AppProps {
  readonly store: Store;
  readonly nav: Nav;
  readonly ask: Ask | null;
}

export function App({ store: live, nav, ask }: AppProps) {
  const past = useMemo(() => new Past(live, nav.moment), [live, nav]);
  const travels = useComputed(() => nav.moment.value !== null).value;
  useMemo(() => memoryVersions(live), [live]); // follows the texts of memory from the opening on, whatever is shown
  const store = travels ? past : live;
  const changes = useMemo(() => new Changes(live, ask), [live, ask]);
  const app = useMemo(() => ({ store, live, nav, ask, changes }), [store, live, nav, ask, changes]);
  const everything = useMemo(() => new Everything(ask, live), [ask, live]);
  useSignalEffect(() => {
    const text = nav.search.value.trim();
    if (nav.everything.value) void everything.start(text);
    else if (text === "") everything.stop();
    if (text === "") nav.everything.value = false;
  });
  const tab = nav.tab.value;
  const View = views[tab];
  const element = useRef<HTMLDivElement>(null);
  const help = useSignal(false);
  const hosts = useSignal(false);
  useKeptFocus(element);
  const within = (selector: string) => element.current?.querySelector<HTMLElement>(selector);
  const obey = (command: Command) => {
    switch (command) {
      case "search":
        return within("input.search")?.focus();
      case "next": {
        const need = nextNeed(needsOf(store), nav.selected.value);
        return need === null ? changes.say("Nothing needs you now") : nav.open(need.table, need.id);
      }
      case "help":
        return void (help.value = !help.value);
      case "travel":
        if (nav.travels.value) within(`#${tabId(nav.tab.value)}`)?.focus(); // before the bar that has it goes
        nav.travel(!nav.travels.value);
        return void setTimeout(() => nav.travels.value && within(".travel-bar")?.focus());
      case "pause":
        return live.connection.value.state !== "saved" && live.setPaused(!live.paused.value);
      case "times":
        return times.turn();
      default:
        nav.tab.value = command;
        return within(`#${tabId(command)}`)?.focus();
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !event.defaultPrevented && nav.selected.value !== null) {
      // Details that a key or a link has opened have no focus. What has an Escape of its own prevents the default.
      if (!isTyped(event.target)) nav.selected.value = null;
      return;
    }
    const command = event.defaultPrevented ? null : commandOf(event, isTyped(event.target));
    if (command === null) return;
    event.preventDefault();
    obey(command);
  };
  return (
    <AppContext.Provider value={app}>
      {/* It takes the focus of clicks beside everything, or the keys after them would be the host's. */}
      <div ref={element} class="app" tabIndex={-1} onKeyDown={onKeyDown}>
        <Header help={help} hosts={hosts} />
        {nav.travels.value && <Travel />}
        <ConnectionNotice />
        <SourcesNotice />
        <AlertStrip />
        <ReadingNotice />
        <div id={PANEL_ID} class="panel" role="tabpanel" aria-labelledby={tabId(tab)}>
          {help.value && <Help open={help} />}
          {hosts.value && <HostsPanel open={hosts} />}
          {nav.everything.value && <EverythingPanel everything={everything} />}
          <Boundary key={`${tab} ${travels}`}>
            <LoadingNotice>
              <View />
            </LoadingNotice>
          </Boundary>
        </div>
        <Done />
        <Announcer />
      </div>
    </AppContext.Provider>
  );
}
