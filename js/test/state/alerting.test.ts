// Alerts: what is news of them, and that nobody is notified who did not ask for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals";
import type { Alert } from "../../src/link/protocol.ts";
import { notifying, notifyOf, waits } from "../../src/state/alerting.ts";
import { Store } from "../../src/store/store.ts";
import { row } from "../support/rows.ts";

const alert = (name: string, state: Alert["state"], since = 1): Alert => ({ name, state, since, text: null });

function notified(first: readonly Alert[]): {
  alerts: ReturnType<typeof signal<readonly Alert[]>>;
  names: string[];
  end: () => void;
} {
  const alerts = signal(first);
  const names: string[] = [];
  const end = notifyOf(
    () => alerts.value,
    ({ name }) => names.push(name),
  );
  return { alerts, names, end };
}

test("nobody is notified who did not ask", () => {
  notifying.value = "not asked";
  const { alerts, names, end } = notified([alert("quiet", "ok")]);
  alerts.value = [alert("quiet", "firing", 2)];
  notifying.value = "on";
  assert.deepEqual(names, [], "nor of what fired before they asked");
  end();
});

test("each firing is notified once, whatever is told of it again", () => {
  notifying.value = "on";
  const { alerts, names, end } = notified([alert("once", "ok")]);
  alerts.value = [alert("once", "firing", 10)];
  alerts.value = [{ ...alert("once", "firing", 10), text: "more" }];
  alerts.value = [alert("once", "ok", 11)];
  alerts.value = [alert("once", "firing", 12)];
  assert.deepEqual(names, ["once", "once"]);
  end();
});

test("what fires when the page is opened is no news", () => {
  notifying.value = "on";
  const { alerts, names, end } = notified([]);
  alerts.value = [alert("old", "firing")];
  assert.deepEqual(names, []);
  alerts.value = [alert("old", "firing"), alert("new", "firing")];
  assert.deepEqual(names, ["new"]);
  end();
});

test("two views of one page notify once", () => {
  notifying.value = "on";
  const views = [notified([alert("shared", "ok")]), notified([alert("shared", "ok")])];
  for (const { alerts } of views) alerts.value = [alert("shared", "firing", 20)];
  assert.deepEqual(
    views.flatMap(({ names }) => names),
    ["shared"],
  );
  for (const { end } of views) end();
});

test("what is told again unchanged wakes nobody", () => {
  const store = new Store();
  store.setAlerts([alert("same", "firing")]);
  const before = store.alerts.value;
  store.setAlerts([alert("same", "firing")]);
  assert.equal(store.alerts.value, before);
});

test("a notification shows nothing that cannot be seen", () => {
  const shown: string[] = [];
  const before = globalThis.Notification;
  globalThis.Notification = class {
    constructor(title: string, { body = "" }: NotificationOptions) {
      shown.push(title, body);
    }
  } as unknown as typeof Notification;
  notifying.value = "on";
  const alerts = signal<readonly Alert[]>([alert("quiet", "ok")]);
  const end = notifyOf(() => alerts.value);
  alerts.value = [{ name: "<b>a\u202e\u200b", state: "firing", since: 99, text: "two\nlines\u001b[2J\u{e0041}" }];
  assert.deepEqual(shown, ["Alert: <b>a[U+202E][U+200B]", "two lines\u241b[2J[tags: A]"]);
  end();
  globalThis.Notification = before;
});

test("an agent that begins to wait is news, also while nobody looks; one that waits already is not", () => {
  notifying.value = "on";
  const store = new Store(); // no view of it is visible
  const titles: (string | undefined)[] = [];
  const end = notifyOf(
    () => [...store.alerts.value, ...waits(store)],
    (told) => titles.push((told as { title?: string }).title),
  );
  const planner = { name: "planner", status: "waiting", status_at: 1 };
  store.apply({ rows: { agents: [row("agents", "a", planner)] }, gone: {} });
  store.commit();
  assert.deepEqual(titles, []);
  const tester = { name: "tester", status: "waiting", status_at: 5 };
  store.apply({
    rows: { agents: [row("agents", "b", tester), row("agents", "me", { ...tester, role: "human" })] },
    gone: {},
  });
  store.apply({ rows: { agents: [row("agents", "b", { ...tester, activity: "more" })] }, gone: {} });
  assert.deepEqual(titles, ["tester waits for you"]);
  store.apply({ rows: { agents: [row("agents", "b", { name: "tester", status: "working" })] }, gone: {} });
  store.apply({ rows: { agents: [row("agents", "b", { ...tester, status_at: 9 })] }, gone: {} });
  assert.deepEqual(titles, ["tester waits for you", "tester waits for you"]);
  store.apply({ rows: {}, gone: { agents: ["a", "b"] } });
  assert.deepEqual(store.waiting.value, []);
  end();
});

test("nobody waits at first: the first who does is news", () => {
  notifying.value = "on";
  const store = new Store();
  let told = 0;
  const end = notifyOf(
    () => waits(store),
    () => told++,
  );
  store.commit();
  store.apply({ rows: { agents: [row("agents", "first", { status: "waiting", status_at: 3 })] }, gone: {} });
  assert.equal(told, 1);
  end();
});
