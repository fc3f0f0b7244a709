// What one mounted set of lanes knows: the index of what happened, the rows in sight, what is hovered and active.
// Everything is a lazy signal, so lanes that nobody reads compute nothing.
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { isHuman } from "../lib/agents.ts";
import { MINUTE } from "../lib/durations.ts";
import type { Nav } from "../state/nav.ts";
import { type Events, eventsOf } from "../store/events.ts";
import type { Shown } from "../store/store.ts";
import { activeBetween } from "./extent.ts";
import type { Hit } from "./hit.ts";
import { ROW, type Scale } from "./layout.ts";
import { type Silence, silences } from "./silence.ts";
import { CROWD, keepOrder, type LaneRow, laneRows } from "./tree.ts";
import type { TimeWindow } from "./window.ts";

/** The window moves each second; which agents are in it is asked again when it has moved by this share. */
const STEPS = 60;
/** Idle for longer, an agent stands back behind those who work, ms. */
const SETTLED_MS = 2 * MINUTE;

export interface LaneOptions {
  /** More finished subagents than this fold under their parent. */
  readonly fold: number;
  /** Who worked for whom as lines, and what was waited for in words. */
  readonly detailed: boolean;
}

export interface Pointed {
  hit: Hit;
  x: number;
  y: number;
}

export class LaneModel {
  readonly index: ReadonlySignal<Events>;
  readonly rows: ReadonlySignal<readonly LaneRow[]>;
  /** How many agents there are, shown or not. */
  readonly agents: ReadonlySignal<number>;
  /** The agent whose lane is held, by the keyboard or a click. */
  readonly active = signal<string | null>(null);
  readonly pointed = signal<Pointed | null>(null);
  /** The row under the pointer, in its bar or beside it. */
  readonly hovered = signal<number | null>(null);
  /** Whose finished subagents are shown. */
  readonly unfolded = signal<ReadonlySet<string>>(new Set());
  /** Of all agents, only these; null: all. */
  readonly only = signal<ReadonlySet<string> | null>(null);
  readonly scrollTop = signal(0);
  /** How many rows stand before the rest is scrolled to. */
  readonly most = signal(12);
  /** The silences that the time axis leaves out. */
  readonly cuts: ReadonlySignal<readonly Silence[]>;

  constructor(
    readonly store: Shown,
    readonly nav: Nav,
    readonly window: TimeWindow,
    readonly options: LaneOptions,
  ) {
    this.index = eventsOf(store);
    const agents = store.tables.agents;
    this.agents = computed(() => (agents.version.value, agents.list().filter((agent) => !isHuman(agent)).length));
    const edge = computed(() => {
      const step = window.length.value / STEPS;
      return Math.ceil(window.to.value / step) * step;
    });
    const shown = computed(() => activeBetween(this.index.value, edge.value - window.length.value, edge.value));
    this.cuts = computed(() => silences(this.index.value, window.from.value, window.to.value, window.now.peek()));
    let last: readonly LaneRow[] = [];
    this.rows = computed(() => {
      agents.version.value;
      const unfolded = this.unfolded.value;
      const only = this.only.value;
      const asked = only === null ? agents.list() : agents.list().filter(({ id }) => only.has(id));
      const rows = laneRows(asked, shown.value, {
        over: options.fold,
        isOpen: (id) => unfolded.has(id),
        since: edge.value - SETTLED_MS,
      });
      last = this.hovered.peek() === null ? rows : keepOrder(last, rows);
      return last;
    });
  }

  /** The time axis of a picture of this width; in the scope of a signal it follows changes. */
  scale(width: number): Scale {
    return { from: this.window.from.value, to: this.window.to.value, width, cuts: this.cuts.value };
  }

  /** Height of the part in sight, whole rows. */
  get height(): number {
    return Math.min(this.rows.value.length, Math.floor(this.most.value)) * ROW;
  }

  /** Whether there are so many that their messages would cover them. */
  get crowded(): boolean {
    return this.rows.value.length > CROWD;
  }

  /** The rows in sight: first and one past the last. */
  get range(): [number, number] {
    const first = Math.floor(this.scrollTop.value / ROW);
    return [first, Math.min(this.rows.value.length, first + Math.ceil(this.most.value) + 2)];
  }

  /** The row the pointer or the keyboard is on, else that of the agent whose details are open. */
  get lit(): number | null {
    const hovered = this.hovered.value;
    if (hovered !== null) return hovered;
    const selected = this.nav.selected.value;
    const id = this.active.value ?? (selected?.table === "agents" ? selected.id : null);
    const row = this.rows.value.findIndex(({ agent }) => agent.id === id);
    return row < 0 ? null : row;
  }

  /** Open what a hit stands for; a span has no page of its own, so its agent is shown. */
  open(hit: Hit): void {
    if (hit.kind === "call") this.nav.open("tool_calls", hit.call.id);
    else if (hit.kind === "message") this.nav.open("messages", hit.message.id);
    else this.openAgent(hit.row);
  }

  /** Keep a lane lit, or let go of it. */
  hold(row: number): void {
    const id = this.rows.peek()[row]?.agent.id ?? null;
    this.active.value = this.active.peek() === id ? null : id;
  }

  /** Show or fold away the finished subagents of an agent. */
  toggle(id: string): void {
    const unfolded = new Set(this.unfolded.peek());
    if (!unfolded.delete(id)) unfolded.add(id);
    this.unfolded.value = unfolded;
  }

  openActive(): void {
    this.#open(this.active.peek());
  }

  openAgent(row: number): void {
    this.#open(this.rows.peek()[row]?.agent.id ?? null);
  }

  /** Beside the lanes, as it was chosen in them. */
  #open(id: string | null): void {
    if (id === null) return;
    this.nav.switch("agents", "timeline").value = true;
    this.nav.open("agents", id);
  }
}
