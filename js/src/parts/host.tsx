// The host of a row, where hosts are followed: nothing while there is only one.
import { clock } from "../lib/format.ts";
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
  const of = hosts.find((one) => hostOf(one) === host);
  const state = of?.state ?? "live";
  const name = oneLine(host);
  if (state !== "gone") {
    const ink = state === "live" ? "muted" : "host-away";
    return (
      <span class={`line host-mark ${ink}`} title={`on ${name}: ${state}`}>
        {name}
      </span>
    );
  }
  const since = of?.since == null ? "gone" : `gone since ${clock(of.since, live.now.value)}`;
  return (
    <span class="line host-mark host-away" title={`on ${name}: ${since}; what the row says is as of then`}>
      {name} gone
    </span>
  );
}
