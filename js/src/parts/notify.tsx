// The offer of browser notifications, until somebody has answered it.
import { decline, notifyMe, offersToNotify } from "../state/alerting.ts";
import { useApp } from "../state/context.ts";
import { Icon } from "./icons.tsx";

/** `declinable`: with a way to say no, where nothing else takes it away. */
export function NotifyOffer({ declinable = false }: { declinable?: boolean }) {
  const { live } = useApp();
  if (!offersToNotify(live)) return null;
  return (
    <span class="notify">
      <button
        type="button"
        class="button tool"
        title="Tell me with a notification when an agent begins to wait for me, or an alert fires"
        onClick={() => void notifyMe()}
      >
        <Icon name="bell" />
        <span class="tool-word">Notify me</span>
      </button>
      {declinable && (
        <button type="button" class="button bare" title="Not now" aria-label="Not now" onClick={decline}>
          ✕
        </button>
      )}
    </span>
  );
}
