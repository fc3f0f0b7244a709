// The page without Jupyter: the whole window, fed by a WebSocket of the server that served it.
import { Conversation } from "./conversation.ts";
import { mount } from "./mount.tsx";
import { openSocket } from "./socket.ts";
import { Store } from "./store.ts";

const SOCKET_BEAT_MS = 5_000;

/** The token comes in the fragment, which is never sent anywhere. */
function tokenOf(hash: string): string | undefined {
  return new URLSearchParams(hash.slice(1)).get("token") ?? undefined;
}

export function mountPage(host: HTMLElement): void {
  document.documentElement.style.colorScheme = "light dark";
  document.body.style.margin = "0";
  host.style.height = "100dvh";
  const token = tokenOf(location.hash);
  const store = new Store();
  const conversation = new Conversation(store, {
    peer: "server",
    beatMs: SOCKET_BEAT_MS,
    ...(token === undefined ? {} : { token }),
  });
  const life = new AbortController().signal;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  mount(host, store, life, { ask: conversation.ask });
  conversation.attend(life);
  conversation.use(openSocket(`${scheme}://${location.host}/ws`, conversation, life));
}
