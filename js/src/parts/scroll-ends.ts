// Says on an element whether more of it stands beside what is seen: its edge fades there (style: parts.css).
import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** How far is enough to be seen. */
const LEAST_PX = 2;

/** Keeps `data-before` and `data-after` on an element that scrolls to the side. Its content may change with each drawing. */
export function useScrollEnds(ref: RefObject<HTMLElement | null>): void {
  const measure = () => {
    const element = ref.current;
    if (element === null) return;
    const before = Math.abs(element.scrollLeft); // negative from right to left
    const after = element.scrollWidth - element.clientWidth - before;
    element.toggleAttribute("data-before", before > LEAST_PX);
    element.toggleAttribute("data-after", after > LEAST_PX);
  };
  useLayoutEffect(measure);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
}
