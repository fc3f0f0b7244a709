// The strip of firing alerts under the header, with the offer of notifications.
import { useEffect } from "preact/hooks";
import { exactTime, longDuration, plural } from "../lib/format.ts";
import type { Alert } from "../link/protocol.ts";
import { NotifyOffer } from "../parts/notify.tsx";
import { StatusMark } from "../parts/status.tsx";
import { Line } from "../parts/text.tsx";
import { alertKey, firing, notifyOf, offersToNotify, waits } from "../state/alerting.ts";
import { useApp } from "../state/context.ts";

export function AlertStrip() {
  const { live } = useApp();
  useEffect(() => notifyOf(() => [...live.alerts.value, ...waits(live)]), [live]);
  const alerts = live.alerts.value;
  const shown = [...firing(alerts), ...alerts.filter(({ state }) => state === "error")];
  if (shown.length === 0 && (alerts.length === 0 || !offersToNotify(live))) return null;
  return (
    <div class={`alerts ${shown.length > 0 ? "alerts-shown" : ""}`} role="group" aria-label="Alerts">
      <div class="alerts-list">
        {shown.map((alert) => (
          <Item key={alertKey(alert)} alert={alert} now={live.now.value} />
        ))}
        {shown.length === 0 && <span class="muted">{plural(alerts.length, "alert")} watched, none fires.</span>}
      </div>
      <NotifyOffer declinable />
    </div>
  );
}

function Item({ alert, now }: { alert: Alert; now: number }) {
  const broken = alert.state === "error";
  return (
    <div class="alerts-item">
      <StatusMark status={broken ? "unknown" : "waiting"} label={broken ? "error" : "alert"} />
      <strong>
        <Line text={alert.name} />
      </strong>
      <Line
        class={broken ? "muted" : ""}
        text={broken ? `cannot be checked: ${alert.text ?? ""}` : (alert.text ?? "fires")}
      />
      <span class="muted" title={exactTime(alert.since)}>
        for {longDuration(now - alert.since)}
      </span>
    </div>
  );
}
