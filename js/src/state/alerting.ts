// The alerts of Python: which are new, and browser notifications of them, which begin only when the person asks.
import { effect, signal } from "@preact/signals";
import { oneLine } from "../lib/text.ts";
import type { Alert } from "../link/protocol.ts";

export const firing = (alerts: readonly Alert[]): Alert[] => alerts.filter(({ state }) => state === "firing");

/** One firing; when it fires again it is another one. */
export const alertKey = ({ name, since }: Alert): string => `alert ${name} ${since}`;

export const alertText = ({ name, text }: Alert): string => (text === null ? name : `${name}: ${text}`);

/** Whether firings are notified, for all views on this page and as long as it is open. */
export type Notifying = "not asked" | "on" | "refused" | "declined";
export const notifying = signal<Notifying>("not asked");

const notified = new Set<string>();

/** Call it in the person's click only: browsers ask for permission then, and mistrust pages that ask by themselves. */
export async function notifyMe(): Promise<void> {
  const permission = await Notification.requestPermission();
  notifying.value = permission === "granted" ? "on" : "refused";
}

export const canNotify = (): boolean => typeof Notification !== "undefined" && Notification.permission !== "denied";

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

function showNotification(alert: Alert): void {
  new Notification(oneLine(`Alert: ${alert.name}`), { body: oneLine(alert.text ?? ""), tag: alertKey(alert) });
}
