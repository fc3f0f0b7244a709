// The strip of what needs a person, shown only when there is something: what, why, for how long, and a link.
import { useSignal } from "@preact/signals";
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
  if (list.length === 0) return null;
  const waits = (live.waiting.value ?? []).length > 0 && live.alerts.value.length === 0;
  const more = list.length - FIRST;
  return (
    <div class={`attention ${all.value ? "all" : ""}`} role="group" aria-label="Needs you">
      <div class="attention-list">
        {list.slice(0, all.value ? undefined : FIRST).map((need) => (
          <Item
            key={`${need.table} ${need.id}`}
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
        <button type="button" class="button" onClick={() => nav.open(list[0]!.table, list[0]!.id)}>
          show
        </button>
        {/* Where Python watches for something, the strip of alerts has it. */}
        {waits && <NotifyOffer />}
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
