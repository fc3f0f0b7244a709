// Which rows changed a moment ago; draws again when the moment is over.
import { useEffect, useReducer, useRef } from "preact/hooks";
import { CHANGE_MEMORY_MS } from "../store/store.ts";

const TINT_MS = 600;

/** Without motion a mark takes the place of the tint; it stays longer, as nothing draws the eye to it. */
const MARK_MS = CHANGE_MEMORY_MS;

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

export function useFresh(changedAt: ReadonlyMap<string, number> | undefined): (id: string) => boolean {
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
    },
    [],
  );
  return (id) => {
    const at = changedAt?.get(id);
    if (at === undefined) return false;
    const left = at + (reducedMotion.matches ? MARK_MS : TINT_MS) - performance.now();
    if (left <= 0) return false;
    timer.current ??= setTimeout(() => {
      timer.current = null;
      redraw(0);
    }, left);
    return true;
  };
}
