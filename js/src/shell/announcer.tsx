// Announces news to screen readers: at most one sentence in ten seconds, and only when an agent
// needs a human, an alert fires or the connection is lost.
import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { oneLine } from "../lib/text.ts";
import { alertKey, alertText, firing } from "../state/alerting.ts";
import { useApp } from "../state/context.ts";
import { needsOf } from "../state/needs.ts";
import type { Shown, Store } from "../store/store.ts";

const QUIET_MS = 10_000;

/** Key → sentence, for everything that needs a human now. */
function sentencesOf(store: Shown, live: Store): ReadonlyMap<string, string> {
  const sentences = new Map<string, string>();
  for (const alert of firing(live.alerts.value)) sentences.set(alertKey(alert), oneLine(`alert: ${alertText(alert)}`));
  const { state, message } = store.connection.value;
  if (message !== null) sentences.set(`connection ${state}`, message);
  for (const { table, id, status, since, name, text } of needsOf(store)) {
    sentences.set(`${table} ${id} ${status} ${since}`, oneLine(`${name} ${text}`));
  }
  return sentences;
}

export function Announcer() {
  const { store, live } = useApp();
  const [sentence, say] = useState("");
  useEffect(() => {
    let known: ReadonlySet<string> | null = null;
    let quietUntil = 0;
    return effect(() => {
      const current = sentencesOf(store, live);
      if (!store.loading.value.done) return;
      const news = [...current].filter(([key]) => known !== null && !known.has(key)).map(([, text]) => text);
      if (known !== null && (news.length === 0 || Date.now() < quietUntil)) return;
      known = new Set(current.keys());
      if (news.length === 0) return;
      quietUntil = Date.now() + QUIET_MS;
      say(news.length === 1 ? news[0]! : `${news[0]!}, and ${news.length - 1} more`);
    });
  }, [store, live]);
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
