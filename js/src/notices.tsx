// What stands between the header and the view when not all is well, and while the first answer arrives.
import type { ComponentChildren } from "preact";
import { useApp } from "./context.ts";
import { exactTime, integer, longDuration, timeOfDay } from "./format.ts";
import { Empty } from "./parts/empty.tsx";
import { visible } from "./parts/text.tsx";
import type { Connection } from "./store.ts";

/** What is being done about it. */
const REMEDIES: Readonly<Record<Connection["state"], string>> = {
  connecting: "",
  live: "",
  reconnecting: "Trying again.",
  stale: "Asking again; if the kernel was restarted, run the cell again.",
  stopped: "Run the cell again to start it.",
  refused: "",
};

export function ConnectionNotice() {
  const { store } = useApp();
  const { state, message, heardAt } = store.connection.value;
  if (message === null || !store.loading.value.done) return null;
  store.now.value;
  const silence = state === "stale" ? ` for ${longDuration(Date.now() - heardAt)}` : "";
  return (
    <div class="notice" title={`last word at ${exactTime(heardAt)}`}>
      <strong>{state}</strong> — {visible(message)}
      {silence}. {REMEDIES[state]} What is shown is as of {timeOfDay(heardAt)}.
    </div>
  );
}

export function LoadingNotice({ children }: { children: ComponentChildren }) {
  const { store } = useApp();
  const { done, rows } = store.loading.value;
  const { message } = store.connection.value;
  if (done) return <>{children}</>;
  if (message !== null) return <Empty title={`${message[0]!.toUpperCase()}${visible(message.slice(1))}.`} />;
  return <Empty title={rows === 0 ? "Connecting …" : `Receiving: ${integer(rows)} rows so far.`} />;
}
