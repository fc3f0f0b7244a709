// The strip of what needs a person, shown only when there is something: what, why, for how long, and a link.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { longDuration } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { Ends } from "../../parts/ends.tsx";
import { NotifyOffer } from "../../parts/notify.tsx";
import { ResumeButton } from "../../parts/resume.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Line } from "../../parts/text.tsx";
import { useApp } from "../../state/context.ts";
import type { Nav } from "../../state/nav.ts";
import type { Need } from "../../state/needs.ts";
import { needsOf } from "../../state/needs.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { AgentsRow } from "../../store/tables.ts";

const FIRST = 2;

export function Attention({ store, nav }: { store: Shown; nav: Nav }) {
  const { live } = useApp();
  const all = useSignal(false);
  const now = store.now.value;
  const list = needsOf(store);
  const aside = nav.aside.value;
  const fresh = list.filter(({ key }) => !aside.has(key));
  useEffect(() => {
    // What is over is forgotten, so that it is news when it begins anew.
    const kept = list.filter(({ key }) => aside.has(key));
    if (kept.length < aside.size) nav.aside.value = new Set(kept.map(({ key }) => key));
  }, [list, aside]);
  if (fresh.length === 0) return null;
  const shown = all.value ? list : fresh.slice(0, FIRST);
  const waits = (live.waiting.value ?? []).length > 0 && live.alerts.value.length === 0;
  const more = list.length - Math.min(FIRST, fresh.length);
  return (
    <div class={`attention ${all.value ? "all" : ""}`} role="group" aria-label="Needs you">
      <div class="attention-list">
        {shown.map((need) => (
          <Item
            key={need.key}
            need={need}
            name={need.table === "agents" ? agentName(store, need.id) : need.name}
            agent={need.table === "agents" ? store.tables.agents.rows.get(need.id) : undefined}
            now={now}
            onOpen={() => nav.open(need.table, need.id)}
          />
        ))}
      </div>
      <div class="attention-tools">
        {more > 0 && (
          <button type="button" class="button" aria-expanded={all.value} onClick={() => (all.value = !all.value)}>
            {all.value ? "fewer" : `+${more}`}
          </button>
        )}
        <button type="button" class="button" onClick={() => nav.open(shown[0]!.table, shown[0]!.id)}>
          show
        </button>
        {/* Where Python watches for something, the strip of alerts has it. */}
        {waits && <NotifyOffer />}
        <button
          type="button"
          class="button bare"
          aria-label="Set aside"
          title="Set these aside: the strip comes back when something else needs you; n goes to them all the same"
          onClick={() => (nav.aside.value = new Set(list.map(({ key }) => key)))}
        >
          ✕
        </button>
      </div>
    </div>
  );
}

interface ItemProps {
  readonly need: Need;
  readonly name: string;
  readonly agent: AgentsRow | undefined;
  readonly now: number;
  readonly onOpen: () => void;
}

function Item({ need, name, agent, now, onOpen }: ItemProps) {
  return (
    <div class="attention-entry">
      <button type="button" class="attention-item" onClick={onOpen}>
        <StatusMark status={need.status} />
        <Ends strong text={name} />
        <Line text={need.text} />
        {need.since !== null && <span class="muted">for {longDuration(now - need.since)}</span>}
      </button>
      {agent !== undefined && <ResumeButton table="agents" row={agent} name={oneLine(name)} />}
    </div>
  );
}
