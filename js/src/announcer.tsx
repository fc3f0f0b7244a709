// Speaks, for those who do not see the screen: at most one sentence in ten seconds, and only when an agent
// needs a human or the connection is lost.
import { effect } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { useApp } from "./context.ts";
import { agentName } from "./parts/agentname.tsx";
import { oneLine } from "./parts/text.tsx";
import type { Store } from "./store.ts";

const QUIET_MS = 10_000;

/** Key → sentence, for everything that needs a human now. */
function needs(store: Store): ReadonlyMap<string, string> {
  const sentences = new Map<string, string>();
  const { state, message } = store.connection.value;
  if (message !== null) sentences.set(`connection ${state}`, message);
  store.tables.agents.version.value;
  for (const agent of store.tables.agents.list()) {
    if (agent.status !== "waiting" && agent.status !== "failed") continue;
    const what = agent.status === "waiting" ? "waits for you" : "failed";
    const why = agent.status_reason ? `: ${oneLine(agent.status_reason)}` : "";
    sentences.set(`${agent.id} ${agent.status} ${agent.status_at}`, `${agentName(store, agent.id)} ${what}${why}`);
  }
  return sentences;
}

export function Announcer() {
  const { store } = useApp();
  const [sentence, say] = useState("");
  useEffect(() => {
    let known: ReadonlySet<string> | null = null;
    let quietUntil = 0;
    return effect(() => {
      store.now.value;
      const current = needs(store);
      if (!store.loading.value.done) return;
      const news = [...current].filter(([key]) => known !== null && !known.has(key)).map(([, text]) => text);
      if (known !== null && (news.length === 0 || Date.now() < quietUntil)) return;
      known = new Set(current.keys());
      if (news.length === 0) return;
      quietUntil = Date.now() + QUIET_MS;
      say(news.length === 1 ? news[0]! : `${news[0]!}, and ${news.length - 1} more`);
    });
  }, [store]);
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {sentence}
    </div>
  );
}
