// The host of a row, where hosts are followed: nothing while there is only one.
import { oneLine } from "../lib/text.ts";
import type { HostState } from "../link/protocol.ts";
import { useApp } from "../state/context.ts";

/** What rows call a host: of one that is followed by way of another, "mid/gpu-box", the last part. */
export const hostOf = ({ name }: HostState): string => name.split("/").at(-1)!;

/** A host that is not live is named so: what its rows say is as of then. */
export function HostMark({ host }: { host: string | null }) {
  const { live } = useApp();
  const hosts = live.hosts.value;
  if (hosts.length === 0 || host === null) return null;
  const state = hosts.find((one) => hostOf(one) === host)?.state ?? "live";
  return (
    <span class={`line host-mark ${state === "live" ? "muted" : "host-away"}`} title={`on ${oneLine(host)}: ${state}`}>
      {oneLine(host)}
    </span>
  );
}
