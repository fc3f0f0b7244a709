// The host of a row, where hosts are followed: nothing while there is only one.
import { oneLine } from "../lib/text.ts";
import { useApp } from "../state/context.ts";

/** A host that is not live is named so: what its rows say is as of then. */
export function HostMark({ host }: { host: string | null }) {
  const { live } = useApp();
  const hosts = live.hosts.value;
  if (hosts.length === 0 || host === null) return null;
  const state = hosts.find(({ name }) => name.split("/").at(-1) === host)?.state ?? "live";
  return (
    <span class={`line host-mark ${state === "live" ? "muted" : "host-away"}`} title={`on ${oneLine(host)}: ${state}`}>
      {oneLine(host)}
    </span>
  );
}
