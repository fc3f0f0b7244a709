// Time as an axis: every instant at which something happened, with long silences cut short, so
// that three busy hours in a quiet month can still be travelled through.

export interface Piece {
  readonly from: number;
  readonly to: number;
  /** Where it lies on the axis, 0 to 1. */
  readonly left: number;
  readonly right: number;
}

/** A silence at least this long, and this share of the time in which something happened, is cut. */
const SILENCE_MS = 10 * 60_000;
const SILENCE_SHARE = 0.02;
/** What a cut silence keeps of the axis. */
const CUT = 0.012;
/** What stands around the first and the last instant of a piece. */
const MARGIN_MS = 5_000;

export class BusyTime {
  readonly pieces: readonly Piece[];
  readonly #instants: Float64Array;

  /** `instants` in any order; the history ends at `now`. */
  constructor(instants: readonly number[], now: number) {
    this.#instants = Float64Array.from(instants.filter((at) => at > 0 && at <= now)).sort();
    this.pieces = placed(stretches(this.#instants, now));
  }

  get from(): number {
    return this.pieces[0]!.from;
  }

  get to(): number {
    return this.pieces.at(-1)!.to;
  }

  /** Where an instant lies, 0 to 1; one in a cut silence lies in the cut. */
  place(at: number): number {
    let before = 0;
    for (const { from, to, left, right } of this.pieces) {
      if (at < from) return (before + left) / 2;
      if (at <= to) return left + ((at - from) / (to - from)) * (right - left);
      before = right;
    }
    return 1;
  }

  /** The instant at a place; in a cut it is the end of the piece before. */
  at(place: number): number {
    let before = this.from;
    for (const { from, to, left, right } of this.pieces) {
      if (place < left) return before;
      if (place <= right) return from + ((place - left) / (right - left)) * (to - from);
      before = to;
    }
    return this.to;
  }

  /** `at` moved on by `ms` of playing: silences are jumped over. */
  after(at: number, ms: number): number {
    const to = at + ms;
    for (const piece of this.pieces) {
      if (to <= piece.to) return Math.max(to, piece.from);
    }
    return this.to;
  }

  /** How many instants fall on each of `count` equal parts of the axis. */
  counts(count: number): number[] {
    const counts = new Array<number>(count).fill(0);
    for (const at of this.#instants) counts[Math.min(count - 1, Math.floor(this.place(at) * count))]!++;
    return counts;
  }

  /** The next instant after (or before) one. */
  step(at: number, forward: boolean): number {
    const instants = this.#instants;
    let low = 0;
    let high = instants.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (forward ? instants[middle]! <= at : instants[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return (forward ? instants[low] : instants[low - 1]) ?? (forward ? this.to : this.from);
  }
}

function stretches(instants: Float64Array, now: number): [number, number][] {
  const first = instants[0] ?? now - SILENCE_MS;
  let all = now - first;
  for (let round = 0; round < ROUNDS; round++) {
    const busy = split(instants, now, Math.max(SILENCE_MS, all * SILENCE_SHARE)).reduce(
      (sum, [a, b]) => sum + b - a,
      0,
    );
    if (busy >= all) break;
    all = busy;
  }
  return split(instants, now, Math.max(SILENCE_MS, all * SILENCE_SHARE));
}

/** Cutting silences leaves less time, of which shorter ones are a share; so often that is looked at again. */
const ROUNDS = 4;

function split(instants: Float64Array, now: number, silence: number): [number, number][] {
  const first = instants[0] ?? now - SILENCE_MS;
  const found: [number, number][] = [[first - MARGIN_MS, first]];
  for (const at of [...instants, now]) {
    const last = found.at(-1)!;
    if (at - last[1] > silence) {
      last[1] += MARGIN_MS;
      found.push([at - MARGIN_MS, at]);
    } else {
      last[1] = at;
    }
  }
  return found;
}

function placed(found: readonly [number, number][]): Piece[] {
  const cuts = Math.min(0.5, CUT * (found.length - 1));
  const each = found.length > 1 ? cuts / (found.length - 1) : 0;
  // A square root keeps a minute beside an hour wide enough to be hit.
  const widths = found.map(([from, to]) => Math.sqrt(to - from));
  const whole = widths.reduce((sum, width) => sum + width, 0) || 1;
  let left = 0;
  return found.map(([from, to], i) => {
    const right = i === found.length - 1 ? 1 : left + (widths[i]! / whole) * (1 - cuts);
    const piece = { from, to, left, right };
    left = right + each;
    return piece;
  });
}
