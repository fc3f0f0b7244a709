// Keeps the order of a live list still while somebody is in it: rows go on changing in place, new ones wait
// and are counted, nothing moves under the pointer.
import { useRef } from "preact/hooks";
import type { Identified } from "./types.ts";

export interface Held<R> {
  readonly shown: readonly R[];
  /** How many rows wait to be shown. */
  readonly waiting: number;
  /** Let them in once. */
  release(): void;
}

interface Hold<R> {
  readonly holding: boolean;
  /** Stands for sort and filter: another question is answered at once. */
  readonly question: string;
  /** Where to find a row that no longer is among `rows`, because it changed. */
  readonly latest: ReadonlyMap<string, R> | undefined;
}

export function useHeld<R extends Identified>(rows: readonly R[], { holding, question, latest }: Hold<R>): Held<R> {
  const held = useRef<{ question: string; rows: readonly R[]; ids: ReadonlySet<string> } | null>(null);
  if (!holding || (held.current !== null && held.current.question !== question)) held.current = null;
  if (holding && held.current === null) {
    held.current = { question, rows, ids: new Set(rows.map((row) => row.id)) };
  }
  const release = () => {
    held.current = null;
  };
  const keep = held.current;
  if (keep === null || keep.rows === rows) return { shown: rows, waiting: 0, release };
  const current = new Map(rows.map((row) => [row.id, row]));
  const shown = keep.rows.map((row) => current.get(row.id) ?? latest?.get(row.id) ?? row);
  let waiting = 0;
  for (const id of current.keys()) if (!keep.ids.has(id)) waiting++;
  return { shown, waiting, release };
}
