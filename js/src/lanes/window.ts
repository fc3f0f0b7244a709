// The stretch of time a view shows: it follows the clock until a person looks elsewhere, and it is shared by
// the lanes, the figures above them and whatever else counts the same minutes.
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import { DAY, MINUTE, SECOND } from "../lib/durations.ts";

export const USUAL_LENGTH = 15 * MINUTE;
const SHORTEST = 5 * SECOND;
const LONGEST = 3660 * DAY;
/** Dragged to within this share of the window's length from now, the window takes hold of now again. */
const CATCH = 0.01;

export class TimeWindow {
  readonly from: ReadonlySignal<number>;
  readonly to: ReadonlySignal<number>;
  readonly length: ReadonlySignal<number>;
  /** True while the right edge is the clock. */
  readonly follows: ReadonlySignal<boolean>;
  readonly #length = signal(USUAL_LENGTH);
  /** null: now. */
  readonly #end = signal<number | null>(null);
  /** Once a person chose what to see, nothing moves the window by itself. */
  #chosen = false;

  constructor(readonly now: ReadonlySignal<number>) {
    this.length = this.#length;
    this.to = computed(() => this.#end.value ?? now.value);
    this.from = computed(() => this.to.value - this.#length.value);
    this.follows = computed(() => this.#end.value === null);
  }

  /** Let the right edge be now. */
  follow(length = this.#length.peek()): void {
    this.#chosen = true;
    this.#set(length, null);
  }

  /** Show one stretch of the past; one that reaches the present follows it. */
  show(from: number, to: number): void {
    this.#chosen = true;
    const reachesNow = to >= this.now.peek() - (to - from) * CATCH;
    this.#set(to - from, reachesNow ? null : to);
  }

  /** Move by `by` milliseconds, never past now. */
  pan(by: number): void {
    this.show(this.from.peek() + by, this.to.peek() + by);
  }

  /** Zoom around an instant that keeps its place; a window that follows keeps now at its right edge instead. */
  zoom(factor: number, around: number): void {
    const length = clamp(this.#length.peek() * factor);
    if (this.follows.peek()) {
      this.follow(length);
      return;
    }
    const share = (this.to.peek() - around) / this.#length.peek();
    const to = around + share * length;
    this.show(to - length, to);
  }

  /** What to show a person who has not chosen: a stretch of the past, or the last minutes. */
  suggest(stretch: readonly [number, number] | null): void {
    if (this.#chosen) return;
    if (stretch === null) this.#set(USUAL_LENGTH, null);
    else this.#set(stretch[1] - stretch[0], stretch[1]);
  }

  #set(length: number, end: number | null): void {
    batch(() => {
      this.#length.value = clamp(length);
      this.#end.value = end;
    });
  }
}

function clamp(length: number): number {
  return Math.min(LONGEST, Math.max(SHORTEST, length));
}
