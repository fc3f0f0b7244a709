// Who worked for whom: a child's lane hangs on its parent's from the moment it was started to the moment it ended.
// Geometry only; draw-detail.ts paints it.
import { isLive } from "../lib/agents.ts";
import { type Events, spanStart } from "../store/events.ts";
import { type Scale, xOf } from "./layout.ts";
import type { LaneRow } from "./tree.ts";

export interface Link {
  readonly parent: number;
  readonly child: number;
  /** Where the child was started, and where it ended; null when that is out of sight or not so. */
  readonly out: number | null;
  readonly back: number | null;
}

interface LinkInput {
  readonly index: Events;
  readonly rows: readonly LaneRow[];
  readonly first: number;
  readonly last: number;
  readonly scale: Scale;
}

/** The links that touch the rows in sight. */
export function layoutLinks({ index, rows, first, last, scale }: LinkInput): Link[] {
  const rowOf = new Map(rows.map(({ agent }, row) => [agent.id, row]));
  const links: Link[] = [];
  rows.forEach(({ agent, depth }, child) => {
    const parent = depth === 0 || agent.parent_id === null ? undefined : rowOf.get(agent.parent_id);
    if (parent === undefined || Math.max(parent, child) < first || Math.min(parent, child) >= last) return;
    const spans = index.spans.get(agent.id) ?? [];
    const begin = agent.started_at ?? (spans[0] === undefined ? null : spanStart(spans[0]));
    const end = spans.findLast((span) => span.status === "done" || span.status === "failed");
    const over = end !== undefined && !isLive(agent.status);
    const out = inSight(begin, scale);
    const back = inSight(over ? spanStart(end) : null, scale);
    if (out !== null || back !== null) links.push({ parent, child, out, back });
  });
  return links;
}

function inSight(at: number | null, scale: Scale): number | null {
  return at === null || at < scale.from || at > scale.to ? null : xOf(scale, at);
}
