// Search in a transcript: which entries hold what was typed, and going from one to the next.
import type { RefObject } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { matcher } from "../../lib/search.ts";
import { type Entry, keyOf } from "../../store/transcript.ts";
import { wordsOf } from "./words.ts";

export interface Search {
  /** The keys of the entries that match, in order. */
  readonly hits: readonly string[];
  readonly isHit: (entry: Entry) => boolean;
  /** The one that one went to. */
  readonly current: string | null;
  /** Reading earlier entries until one of them holds it. */
  readonly seeking: boolean;
  /** To the next one, or the one before, read first if need be; from nowhere to the last. */
  step(by: 1 | -1): void;
  /** To this entry. */
  show(key: string): void;
}

/** How earlier entries are had. */
interface Earlier {
  readonly left: boolean;
  readonly busy: boolean;
  read(): void;
}

export function useSearch(
  search: string,
  entries: readonly Entry[],
  list: RefObject<HTMLElement | null>,
  earlier: Earlier,
  go: (key: string) => void,
): Search {
  const [seeking, seek] = useState(false);
  const [current, setCurrent] = useState<string | null>(null);
  const matches = useMemo(() => (search.trim() === "" ? () => false : matcher(search, wordsOf)), [search]);
  const hits = useMemo(() => entries.filter(matches).map(keyOf), [entries, matches]);
  useEffect(() => {
    setCurrent(null);
    seek(false);
  }, [search]);
  const at = current === null ? -1 : hits.indexOf(current);
  /** Whether there is none to go back to but around. */
  const first = hits.length === 0 || at === 0;
  useEffect(() => {
    if (!seeking) return;
    if (first && earlier.left) {
      if (!earlier.busy) earlier.read();
      return;
    }
    seek(false);
    if (!first) step(-1);
  });
  const step = (by: 1 | -1) => {
    if (search.trim() === "") return;
    if (by < 0 && first && earlier.left) return seek(true);
    if (hits.length === 0) return;
    const next = hits.at(at < 0 ? -1 : (at + by + hits.length) % hits.length)!;
    setCurrent(next);
    go(next);
  };
  useEffect(() => {
    // The field stands in the header, above everything: its keys come by here.
    const app = list.current?.closest<HTMLElement>(".app");
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "Enter" || !(event.target as Element).matches("input.search")) return;
      event.preventDefault();
      // From the end backwards, as one reads a transcript.
      step(event.shiftKey ? 1 : -1);
    };
    app?.addEventListener("keydown", onKeyDown);
    return () => app?.removeEventListener("keydown", onKeyDown);
  });
  const show = (key: string) => {
    setCurrent(key);
    go(key);
  };
  return { show, hits, isHit: matches, current, seeking, step };
}
