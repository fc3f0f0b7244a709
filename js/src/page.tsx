// The page without Jupyter: the whole window, fed by a WebSocket of the server that served it, or by the rows
// that were saved in it.
import type { Changes, Welcome } from "./link/protocol.ts";
import { LinkSession } from "./link/session.ts";
import { openSocket, socketAddress } from "./link/socket.ts";
import { mount } from "./mount.tsx";
import type { Ask } from "./state/context.ts";
import { Store } from "./store/store.ts";

const SOCKET_BEAT_MS = 5_000;

/** Behind a proxy several servers share an origin, and this with it. */
const tokenKey = () => `agent-widget-token ${location.pathname}`;

/**
 * The token comes in the fragment, which is never sent anywhere. It is taken out of the address bar and kept for this
 * tab, so that reloading the page works.
 */
function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  try {
    if (token === null) return sessionStorage.getItem(tokenKey()) ?? undefined;
    sessionStorage.setItem(tokenKey(), token);
  } catch {
    return token ?? undefined; // the browser keeps nothing for this page: the fragment must stay
  }
  given.delete("token");
  const rest = given.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest === "" ? "" : `#${rest}`));
  return token;
}

export function mountPage(host: HTMLElement): void {
  document.documentElement.style.colorScheme = "light dark";
  document.body.style.margin = "0";
  host.style.height = "100dvh";
  const saved = document.getElementById("agent-widget-saved");
  if (saved !== null) mountSaved(host, JSON.parse(saved.textContent!) as Saved);
  else mountLive(host);
}

/** What a page holds that was saved: an answer of the server, and pages of transcripts by session. */
interface Saved {
  readonly welcome: Welcome;
  readonly changes: readonly Pick<Changes, "rows" | "gone">[];
  readonly transcripts: Readonly<Record<string, unknown>>;
}

function mountSaved(host: HTMLElement, { welcome, changes, transcripts }: Saved): void {
  const store = new Store();
  store.setClock(welcome.now, 0);
  store.setSources(welcome.sources, welcome.hosts);
  store.setCounts(welcome.rows ?? {});
  store.setConnection({ state: "saved", message: null, rtt: null, server: null, lastFrameAt: welcome.now });
  for (const frame of changes) store.apply(frame);
  store.commit();
  const ask = (async (method: string, params: { session?: string }) => {
    const found = method === "transcript" ? transcripts[params.session ?? ""] : undefined;
    if (found === undefined) throw new Error("it was not saved with this page");
    return found;
  }) as Ask;
  mount(host, store, new AbortController().signal, { ask });
}

function mountLive(host: HTMLElement): void {
  const token = takeToken();
  // Another address of this page in the same tab: the browser does not load it anew by itself.
  addEventListener("hashchange", () => new URLSearchParams(location.hash.slice(1)).has("token") && location.reload());
  const store = new Store();
  const session = new LinkSession(store, {
    peer: "server",
    beatMs: SOCKET_BEAT_MS,
    ...(token === undefined ? {} : { token }),
  });
  const life = new AbortController().signal;
  mount(host, store, life, { ask: session.ask });
  session.run(life);
  session.use(openSocket(socketAddress(location.href), session, life));
}
