// Puts one view of a store into a shadow root on an element, and takes all of it away again.
import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./shell/app.tsx";
import { styles } from "./shell/styles.ts";
import { showWhatIsHidden } from "./shell/visible.ts";
import type { Ask } from "./state/ask.ts";
import { Nav } from "./state/nav.ts";
import { followTheme } from "./state/theme.ts";
import type { Store } from "./store/store.ts";

showWhatIsHidden();

/** JupyterLab takes bare keys on anything that is not an input for its own commands (`d d` deletes the cell). */
function keepKeys(event: KeyboardEvent): void {
  if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
}

export interface MountOptions {
  readonly nav?: Nav;
  readonly ask?: Ask | null;
}

export function mount(host: HTMLElement, store: Store, signal: AbortSignal, options: MountOptions = {}): void {
  const { nav = new Nav(), ask = null } = options;
  host.setAttribute("data-jp-suppress-context-menu", "");
  host.addEventListener("keydown", keepKeys, { signal });

  const shadow = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(styles);
  shadow.adoptedStyleSheets = [sheet];
  const root = shadow.appendChild(document.createElement("div"));
  root.className = "root";
  render(<App store={store} nav={nav} ask={ask} />, root);

  // What a saved notebook shows instead of us goes when there is something better to see.
  const stop = effect(() => void host.classList.toggle("agent-widget-live", store.loading.value.done));
  signal.addEventListener("abort", stop);

  followTheme(signal);
  followVisibility(host, store, signal);
  signal.addEventListener("abort", () => {
    render(null, root);
    host.remove();
  });
}

function followVisibility(host: HTMLElement, store: Store, signal: AbortSignal): void {
  let intersecting = true;
  const update = () => store.setVisible(host, intersecting && !document.hidden);
  const observer = new IntersectionObserver((entries) => {
    intersecting = entries.at(-1)?.isIntersecting ?? true;
    update();
  });
  observer.observe(host);
  document.addEventListener("visibilitychange", update, { signal });
  signal.addEventListener("abort", () => {
    observer.disconnect();
    store.setVisible(host, false);
  });
  update();
}
