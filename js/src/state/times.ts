// The way the dashboard writes times: each column as fits it, all as clock times, or all as ages. Chosen once
// and remembered in the browser.
import { signal } from "@preact/signals";

const WAYS = ["fits", "clock", "ago"] as const;
export type Times = (typeof WAYS)[number];

const KEY = "agent-widget-times";

/** A page may forbid storage; then the choice lasts as long as the page. */
function remembered(): Times {
  try {
    const kept = localStorage.getItem(KEY) as Times;
    return WAYS.includes(kept) ? kept : "fits";
  } catch {
    return "fits";
  }
}

const chosen = signal<Times>(remembered());

export const times = {
  get value(): Times {
    return chosen.value;
  },
  choose(way: Times): void {
    chosen.value = way;
    try {
      localStorage.setItem(KEY, way);
    } catch {
      // it lasts as long as the page
    }
  },
  /** As clock times, or back to ages where they are clock times. */
  turn(): void {
    times.choose(chosen.peek() === "clock" ? "ago" : "clock");
  },
};
