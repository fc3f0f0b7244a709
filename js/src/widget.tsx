// The one bundle's entry. In a notebook anywidget calls `initialize` once for a model and `render` for each
// view of it; on the server's own page the dashboard mounts itself.
import { type Model, openComm } from "./link/comm.ts";
import { LinkSession } from "./link/session.ts";
import { mount } from "./mount.tsx";
import { mountPage } from "./page.tsx";
import { nameTab, panelOf, roomIn, takeTurns } from "./panel.ts";
import { keepView } from "./state/address.ts";
import { Nav } from "./state/nav.ts";
import { shareView } from "./state/sharing.ts";
import { Store } from "./store/store.ts";

const COMM_BEAT_MS = 10_000;
const DEFAULT_HEIGHT_PX = 620;

interface ViewProps {
  readonly model: Model;
  readonly el: HTMLElement;
  readonly signal?: AbortSignal;
}

/** What all views of one model share. */
class Shared {
  readonly store = new Store();
  readonly session = new LinkSession(this.store, { peer: "kernel", beatMs: COMM_BEAT_MS });

  constructor(model: Model) {
    this.session.use(openComm(model, this.session));
  }
}

/**
 * Called by anywidget for each model. Views are given stand-ins of the model, never the same object, so what
 * they share lives in this closure.
 */
function makeWidget() {
  let shared: Shared | undefined;
  return {
    /** Synchronous, and owns nothing that has to be cleaned up: its clean-up is not reliably called. */
    initialize({ model }: { model: Model }): void {
      shared = new Shared(model);
    },

    render({ model, el, signal }: ViewProps): () => void {
      const { store, session } = (shared ??= new Shared(model));
      const life = new AbortController();
      signal?.addEventListener("abort", () => life.abort());
      const host = el.appendChild(document.createElement("div"));
      const nav = new Nav();
      followHeight(model, host, session, store, nav, life.signal);
      mount(host, store, life.signal, { nav, ask: session.ask });
      session.run(life.signal);
      shareView(nav, session, life.signal);
      return () => life.abort();
    },
  };
}

/**
 * The height that Python asks for, or in a panel beside the notebook, whose tab is told too, all that the panel has. What
 * is shown is kept apart for the two.
 */
function followHeight(
  model: Model,
  host: HTMLElement,
  session: LinkSession,
  store: Store,
  nav: Nav,
  signal: AbortSignal,
): void {
  let panel: HTMLElement | null = null;
  let kept = false;
  let name = () => {};
  const apply = () => {
    const height = model.get("height");
    const own = typeof height === "number" ? height : DEFAULT_HEIGHT_PX;
    host.style.height = `${panel === null ? own : roomIn(panel, host)}px`;
  };
  const size = new ResizeObserver(() => {
    if (panel === null) {
      panel = panelOf(host);
      if (panel !== null) {
        size.observe(panel);
        name = nameTab(panel, store, signal);
        takeTurns(model, session, store, signal);
      }
    }
    if (!kept && host.isConnected) {
      kept = true;
      const own = model.get("_name");
      if (typeof own === "string") keepView(nav, panel === null ? own : `${own} panel`, signal);
    }
    apply();
    name();
  });
  apply();
  size.observe(host);
  model.on("change:height", apply);
  signal.addEventListener("abort", () => {
    size.disconnect();
    model.off("change:height", apply);
  });
}

const page = document.getElementById("agent-widget-page");
if (page !== null) mountPage(page);

export default makeWidget;
