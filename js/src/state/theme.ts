// The colours of the theme for a canvas, and a signal for when JupyterLab's theme or the system's preference changes.
// CSS follows by itself; a canvas has to read its colours again.
import { type ReadonlySignal, signal } from "@preact/signals";

const changes = signal(0);

/** Bumped when the theme has changed. */
export const theme: ReadonlySignal<number> = changes;

const COLOURS = {
  bg: "--aw-bg",
  ink: "--aw-ink",
  muted: "--aw-muted",
  line: "--aw-line",
  accent: "--aw-accent",
  working: "--aw-working",
  waiting: "--aw-waiting",
  idle: "--aw-idle",
  done: "--aw-done",
  failed: "--aw-failed",
  offline: "--aw-offline",
} as const;

export type Colours = Readonly<Record<keyof typeof COLOURS, string>>;

/** Follow theme changes until the signal aborts. */
export function followTheme(signal: AbortSignal): void {
  const bump = () => {
    changes.value++;
  };
  const observer = new MutationObserver(bump);
  observer.observe(document.body, { attributeFilter: ["data-jp-theme-name"] });
  signal.addEventListener("abort", () => observer.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", bump, { signal });
}

/** The colours as they are at this element, resolved to what a canvas understands. */
export function readColors(element: Element): Colours {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.setProperty("forced-color-adjust", "none"); // a lane needs its colours
  element.append(probe);
  const read = ([name, variable]: [string, string]) => {
    probe.style.color = `var(${variable})`;
    return [name, getComputedStyle(probe).color];
  };
  const colours = Object.fromEntries(Object.entries(COLOURS).map(read)) as Colours;
  probe.remove();
  return colours;
}
