// What a person is told of who looks elsewhere: the alerts of Python and agents that begin to wait. Browser
// notifications begin only when the person asks; the answer is remembered in the browser.
import { effect, signal } from "@preact/signals";
import { oneLine } from "../lib/text.ts";
import type { Alert } from "../link/protocol.ts";
import { agentName } from "../store/names.ts";
import type { Store } from "../store/store.ts";

export const firing = (alerts: readonly Alert[]): Alert[] => alerts.filter(({ state }) => state === "firing");

/** One firing; when it fires again it is another one. */
export const alertKey = ({ name, since }: Alert): string => `alert ${name} ${since}`;

export const alertText = ({ name, text }: Alert): string => (text === null ? name : `${name}: ${text}`);

/** Whether firings are notified, for all views on this page. */
export type Notifying = "not asked" | "on" | "refused" | "declined";
const KEY = "agent-widget-notify";

function remembered(): Notifying {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "declined") return kept;
    return kept === "on" && typeof Notification !== "undefined" && Notification.permission === "granted"
      ? kept
      : "not asked";
  } catch {
    return "not asked"; // a page may forbid storage
  }
}

export const notifying = signal<Notifying>(remembered());

function remember(answer: Notifying): void {
  notifying.value = answer;
  try {
    localStorage.setItem(KEY, answer);
  } catch {
    // it lasts as long as the page
  }
}

export const decline = (): void => remember("declined");

const notified = new Set<string>();

/** Call it in the person's click only: browsers ask for permission then, and mistrust pages that ask by themselves. */
export async function notifyMe(): Promise<void> {
  const permission = await Notification.requestPermission();
  if (permission === "granted") remember("on");
  else notifying.value = "refused";
}

/** The agents that wait, as alerts; one that never fires says that it is known who does. */
export function waits(store: Store): Alert[] {
  const agents = store.waiting.value;
  if (agents === null) return [];
  const firing = agents.map((agent): Told => {
    const title = `${agentName(store, agent.id)} waits for you`;
    return { name: agent.id, state: "firing", since: agent.status_at ?? 0, text: agent.status_reason, title };
  });
  return [{ name: "agents that wait", state: "ok", since: 0, text: null }, ...firing];
}

/** An alert with a title of its own. */
type Told = Alert & { readonly title?: string };

const canNotify = (): boolean => typeof Notification !== "undefined" && Notification.permission !== "denied";

/** Whether notifications are worth an offer: they can be had, and nobody has said yes or no. */
export const offersToNotify = (store: Store): boolean =>
  notifying.value === "not asked" && canNotify() && store.connection.value.state !== "saved";

/** Notify of what begins to fire from now on, once on the page however many views it has; returns what ends it. */
export function notifyOf(alerts: () => readonly Alert[], show: (alert: Alert) => void = showNotification): () => void {
  let known: ReadonlySet<string> | null = null;
  return effect(() => {
    const all = alerts();
    const now = firing(all);
    const on = notifying.value === "on";
    for (const alert of now) {
      const key = alertKey(alert);
      if (known === null || known.has(key)) notified.add(key);
      if (on && !notified.has(key)) show(alert);
      notified.add(key);
    }
    // before the first word of them it is not known what is news
    known = all.length === 0 && known === null ? null : new Set(now.map(alertKey));
  });
}

function showNotification(alert: Told): void {
  const title = oneLine(alert.title ?? `Alert: ${alert.name}`);
  const notification = new Notification(title, { body: oneLine(alert.text ?? ""), tag: alertKey(alert) });
  notification.onclick = () => window.focus();
}
