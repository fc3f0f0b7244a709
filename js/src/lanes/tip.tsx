// The tooltip of the lanes: what is under the pointer.
import type { ComponentChildren } from "preact";
import { duration, longDuration, timeOfDay, when, words } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";
import { StatusMark } from "../parts/status.tsx";
import { agentName } from "../store/names.ts";
import type { Shown } from "../store/store.ts";
import type { Hit } from "./hit.ts";
import { ROW } from "./layout.ts";
import type { LaneModel } from "./model.ts";

const WIDTH = 300;

export function LaneTip({ model, width }: { model: LaneModel; width: number }) {
  const pointed = model.pointed.value;
  if (pointed === null) return null;
  const { hit, x, y } = pointed;
  // Beside the pointer, on the side where there is room; over it in the lower half, where the view may end.
  const left = Math.max(0, Math.min(x + 14, width - WIDTH));
  const above = y > model.height / 2 && y > 3 * ROW;
  return (
    <div
      class={`lane-tip ${above ? "above" : ""}`}
      style={{ left: `${left}px`, top: `${above ? y - 12 : y + 18}px`, maxWidth: `${WIDTH}px` }}
    >
      <About hit={hit} store={model.store} />
    </div>
  );
}

function About({ hit, store }: { hit: Hit; store: Shown }) {
  const now = store.now.value;
  const name = (id: string | null): string => (id === null || id === "" ? "unknown" : agentName(store, id));
  if (hit.kind === "span") {
    const { agent_id, status, status_reason, started_at, ended_at } = hit.span;
    const lasted = (ended_at ?? now) - (started_at ?? now);
    return (
      <Tip status={status} title={name(agent_id)} what={words(status)} text={status_reason}>
        {when(started_at, now)} – {ended_at === null ? "now" : timeOfDay(ended_at)} · {longDuration(lasted)}
      </Tip>
    );
  }
  if (hit.kind === "call") {
    const { name: tool, agent_id, status, at, duration_ms, error, input } = hit.call;
    return (
      <Tip status={status} title={oneLine(tool ?? "tool call")} what={words(status)} text={error ?? input}>
        {name(agent_id)} · {when(at, now)} · {duration_ms === null ? "duration unknown" : duration(duration_ms)}
      </Tip>
    );
  }
  if (hit.kind === "message") {
    const { sender, recipient, kind, text, at } = hit.message;
    return (
      <Tip title={`${name(sender)} → ${name(recipient)}`} what={words(kind)} text={text}>
        {when(at, now)}
      </Tip>
    );
  }
  return null;
}

interface TipProps {
  status?: string | null;
  title: string;
  what: string;
  text: string | null;
  children: ComponentChildren;
}

function Tip({ status, title, what, text, children }: TipProps) {
  return (
    <>
      <div class="lane-tip-head">
        {status !== undefined && <StatusMark status={status} />}
        <strong>{title}</strong> <span class="muted">{what}</span>
      </div>
      {text !== null && text !== "" && <div class="lane-tip-text">{oneLine(text)}</div>}
      <div class="muted">{children}</div>
    </>
  );
}
