// The hosts that the server follows: how many are there, in the header; a panel with how each is and since when.
import type { Signal } from "@preact/signals";
import { exactTime, plural, when } from "../lib/format.ts";
import { oneLine, visible } from "../lib/text.ts";
import type { HostState } from "../link/protocol.ts";
import { Ends } from "../parts/ends.tsx";
import { hostOf } from "../parts/host.tsx";
import { Icon } from "../parts/icons.tsx";
import { useApp } from "../state/context.ts";
import { Dialog } from "./dialog.tsx";

const WORDS: Readonly<Record<string, string>> = { left: "not followed", connecting: "not reached yet" };

const isHere = ({ state }: HostState): boolean => state === "live";
const isMissed = ({ state, shared }: HostState): boolean => state !== "live" && state !== "left" && !shared;

/** Nothing while there is one host, the server's own. */
export function HostsButton({ open }: { open: Signal<boolean> }) {
  const { live } = useApp();
  const hosts = live.hosts.value.filter(({ state }) => state !== "left");
  if (hosts.length === 0) return null;
  const here = hosts.filter(isHere).length;
  const all = here === hosts.length;
  const missed = hosts.filter(isMissed).map(({ name, state }) => `${oneLine(name)}: ${WORDS[state] ?? state}`);
  return (
    <button
      type="button"
      class={`button tool hosts-button ${all ? "" : "hosts-missed"}`}
      aria-expanded={open.value}
      title={all ? "The hosts that are followed" : missed.join("\n")}
      onClick={() => (open.value = !open.value)}
    >
      <Icon name="hosts" />
      <span class="figures">{all ? hosts.length : `${here}/${hosts.length}`}</span>{" "}
      <span class="tool-word">{hosts.length === 1 ? "host" : "hosts"}</span>
    </button>
  );
}

export function HostsPanel({ open }: { open: Signal<boolean> }) {
  const { live, nav } = useApp();
  const hosts = live.hosts.value;
  const now = live.now.value;
  const agents = new Map<string, number>();
  for (const { host } of live.tables.agents.list()) if (host) agents.set(host, (agents.get(host) ?? 0) + 1);
  return (
    <Dialog open={open} title="Hosts" closes="Close the hosts">
      <ul class="hosts-list">
        {hosts.map((host) => {
          const name = hostOf(host);
          const count = agents.get(name) ?? 0;
          return (
            <li key={host.name} class="host">
              <span class={`state state-${host.state}`}>
                <span class="state-dot" aria-hidden="true" />
                <Ends strong text={host.name} />
              </span>
              <span class="host-state muted">
                {WORDS[host.state] ?? host.state}
                {host.since != null && (
                  <span class="figures" title={exactTime(host.since)}>
                    {" since "}
                    {when(host.since, now)}
                  </span>
                )}
              </span>
              {count > 0 && (
                <button
                  type="button"
                  class="button host-agents"
                  title="Its agents alone"
                  onClick={() => {
                    nav.show("agents", { filter: { host: name } });
                    open.value = false;
                  }}
                >
                  {plural(count, "agent")}
                </button>
              )}
              {host.message != null && host.state !== "live" && <p>{visible(host.message)}</p>}
              {host.shared != null && (
                <p class="muted">Its home is read by way of {oneLine(host.shared)}, and counts once.</p>
              )}
              {host.url && host.url !== host.name && <p class="muted">{visible(host.url)}</p>}
            </li>
          );
        })}
      </ul>
      <p class="muted hosts-note">
        A host that is gone keeps its rows here; what only its files can tell comes back with it.
      </p>
    </Dialog>
  );
}
