// The words beside the lanes: who is on which row and what it is doing. Only rows in sight exist.
import { modelName, money, plural, short, UNKNOWN, when, words } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";
import { Ends } from "../parts/ends.tsx";
import { FinishedMark } from "../parts/finished.tsx";
import { StatusMark, statusKind } from "../parts/status.tsx";
import { Line } from "../parts/text.tsx";
import { whyOf } from "../state/needs.ts";
import type { Agent } from "../store/events.ts";
import { agentName, alikeIn } from "../store/names.ts";
import { ROW } from "./layout.ts";
import type { LaneModel } from "./model.ts";
import type { LaneRow } from "./tree.ts";

const DEEPEST = 6;
/** Characters of a name beside which there is room for what kind of agent it is. */
const ROOM = 26;
/** A screen reader gets the first rows as a table; the agents view has them all. */
const MOST_READ_OUT = 50;

export const rowId = (row: number): string => `lane-${row}`;

/** Whether the last column shows money: some sources know tokens and prices, others only count calls. */
export function knowsCost(rows: readonly LaneRow[]): boolean {
  return rows.some(({ agent }) => agent.cost_usd !== null);
}

export function knowsContext(rows: readonly LaneRow[]): boolean {
  return rows.some(({ agent }) => agent.context_tokens !== null);
}

export function LaneRows({ model }: { model: LaneModel }) {
  const rows = model.rows.value;
  const [first, last] = model.range;
  const lit = model.lit;
  const cost = knowsCost(rows);
  const context = knowsContext(rows);
  return (
    <>
      {rows.slice(first, last).map(({ agent, depth, fold }, i) => {
        const row = first + i;
        const name = agentName(model.store, agent.id);
        const alone = isUncounted(agent, cost);
        return (
          <div
            key={agent.id}
            id={rowId(row)}
            role="option"
            aria-selected={agent.id === model.active.value}
            class={`lane lane-grid ${row === lit ? "lit" : ""}`}
            style={{ top: `${row * ROW}px` }}
            onClick={() => model.openAgent(row)}
            onPointerEnter={() => (model.hovered.value = row)}
            onPointerLeave={() => (model.hovered.value = null)}
          >
            <div class="lane-who" style={{ "--depth": Math.min(depth, DEEPEST) }}>
              <StatusMark status={agent.status} />
              <Ends strong text={name} alike={alikeIn(model.store, agent.id)} />
              {fold !== undefined && <FinishedMark inOption fold={fold} onToggle={() => model.toggle(agent.id)} />}
              <Kind text={kindOf(agent, name)} room={name.length + 2 * depth < ROOM} />
            </div>
            <Doing agent={agent} alone={alone} />
            {!alone && (
              <>
                {context && (
                  <div class="lane-context muted" title="tokens in the context at the last turn">
                    {short(agent.context_tokens)}
                  </div>
                )}
                <div class="lane-cost muted">{cost ? costOf(agent) : callsOf(agent)}</div>
              </>
            )}
          </div>
        );
      })}
    </>
  );
}

/** Unpriced is a model without a known price; an agent whose tokens nobody counts is unknown. */
function costOf({ cost_usd, output_tokens, unpriced_requests }: Agent): string {
  return cost_usd === null && output_tokens === null ? UNKNOWN : money(cost_usd, unpriced_requests);
}

function callsOf({ tool_calls }: Agent): string {
  return tool_calls === null ? UNKNOWN : plural(tool_calls, "call");
}

/** Of whom none of the figures is known: what it does has their room. */
function isUncounted({ context_tokens, cost_usd, output_tokens, tool_calls }: Agent, cost: boolean): boolean {
  return context_tokens === null && (cost ? cost_usd === null && output_tokens === null : tool_calls === null);
}

/** What it does; for who waits or failed, why. */
function Doing({ agent, alone }: { agent: Agent; alone: boolean }) {
  const kind = statusKind(agent.status);
  const matters = kind === "waiting" || kind === "failed";
  const text = matters ? (whyOf(agent) ?? agent.activity) : (agent.activity ?? agent.status_reason);
  return (
    <div class={`lane-doing ${alone ? "alone" : ""} ${matters ? `ink-${kind}` : kind === "working" ? "" : "muted"}`}>
      <Line text={text ?? words(agent.status)} />
    </div>
  );
}

function Kind({ text, room }: { text: string; room: boolean }) {
  if (!room || text === "") return null;
  return (
    <span class="lane-kind line muted" title={text}>
      {text}
    </span>
  );
}

/** "claude · opus-4-5": what it is there for, or else which program it is, unless its name begins with that; and the model. */
function kindOf({ role, source, model }: Agent, name: string): string {
  return [role ?? source, model && modelName(model)]
    .filter((part) => part && !name.startsWith(part))
    .map((part) => oneLine(part!))
    .join(" · ");
}

/** The same for those who cannot see the picture. */
export function LaneTable({ model }: { model: LaneModel }) {
  const now = model.store.now.peek();
  return (
    <div class="visually-hidden">
      <table>
        <caption>Agents and their status</caption>
        <thead>
          <tr>
            <th>agent</th>
            <th>status</th>
            <th>since</th>
            <th>reason</th>
          </tr>
        </thead>
        <tbody>
          {model.rows.value.slice(0, MOST_READ_OUT).map(({ agent }) => (
            <tr key={agent.id}>
              <th scope="row">{agentName(model.store, agent.id)}</th>
              <td>{words(agent.status)}</td>
              <td>{when(agent.status_at, now)}</td>
              <td>{oneLine(agent.status_reason ?? "")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
