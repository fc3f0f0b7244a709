// Keeps an open transcript up to date while its reader looks at it, and notes when they look away.
import { effect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Ask } from "../../state/ask.ts";
import { useApp } from "../../state/context.ts";
import { type Feed, feedOf } from "./feed.ts";

/** `id`: the session or the agent; `agent`: whose row changes when something was written. */
export function useFeed(ask: Ask, id: string, agent: string): Feed {
  const { nav, store } = useApp();
  const feed = useMemo(() => feedOf(nav, ask, id), [nav, ask, id]);
  useEffect(() => {
    if (nav.target.peek()?.id !== id) feed.follow();
    if (store.past) return;
    const { sessions, agents } = store.tables;
    let known: readonly unknown[] = [sessions.rows.get(id), agents.rows.get(agent)];
    // Every line that is written changes the row of its agent: when it was last seen, if nothing else.
    const stop = effect(() => {
      sessions.version.value;
      agents.version.value;
      const rows = [sessions.rows.get(id), agents.rows.get(agent)];
      const changed = rows.some((row, i) => row !== known[i]);
      known = rows;
      if (changed) feed.follow();
    });
    const onVisibility = () => document.hidden && feed.leave();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      stop();
      document.removeEventListener("visibilitychange", onVisibility);
      feed.leave();
    };
  }, [feed, store, id, agent]);
  return feed;
}
