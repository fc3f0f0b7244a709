// Where the reader is in a list that grows at both ends: at its end, following it; or at some entry, which stays
// where it is on the screen while others come, go and fold above it.
import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

/** So near to the end is at the end. */
const END_PX = 24;

/** So near to the beginning, more is wanted. */
const START_PX = 300;

const ANCHORS = 6;

export interface Scroll {
  readonly atEnd: boolean;
  readonly onScroll: () => void;
  /** Go to the end, and follow it. */
  toEnd(): void;
  /** Stay here, whatever comes. */
  hold(): void;
  /** Bring the entry with this key to the middle, as soon as it is there. */
  to(key: string): void;
}

export function useScroll(scroller: RefObject<HTMLElement | null>, wantMore: () => void): Scroll {
  const follows = useRef(true);
  const anchors = useRef<readonly { key: string; y: number }[]>([]);
  const target = useRef<string | null>(null);
  const [atEnd, setAtEnd] = useState(true);

  const children = (): readonly HTMLElement[] => [
    ...(scroller.current?.querySelectorAll<HTMLElement>("[data-key]") ?? []),
  ];

  /** The first entries of which something can be seen, and where: the first one may be a day that begins earlier now. */
  const remember = () => {
    const element = scroller.current!;
    const all = children();
    let low = 0;
    let high = all.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const child = all[middle]!;
      if (child.offsetTop + child.offsetHeight > element.scrollTop) high = middle;
      else low = middle + 1;
    }
    anchors.current = all
      .slice(low, low + ANCHORS)
      .map((child) => ({ key: child.dataset["key"]!, y: child.offsetTop - element.scrollTop }));
  };

  const settle = () => {
    const element = scroller.current;
    if (element === null) return;
    const near = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
    follows.current = near;
    setAtEnd(near);
    remember();
    if (element.scrollTop < START_PX) wantMore();
  };

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const find = (key: string) => children().find((child) => child.dataset["key"] === key);
    const wanted = target.current === null ? undefined : find(target.current);
    if (wanted !== undefined) {
      target.current = null;
      element.scrollTop = wanted.offsetTop - Math.max(0, element.clientHeight - wanted.offsetHeight) / 2;
    } else if (follows.current) {
      element.scrollTop = element.scrollHeight;
    } else {
      for (const { key, y } of anchors.current) {
        const kept = find(key);
        if (kept === undefined) continue;
        element.scrollTop = kept.offsetTop - y;
        break;
      }
    }
    settle();
  });

  return {
    atEnd,
    onScroll: settle,
    toEnd: () => {
      follows.current = true;
      setAtEnd(true);
      scroller.current!.scrollTop = scroller.current!.scrollHeight;
      // The button that led here goes, and with it would the focus.
      scroller.current!.focus({ preventScroll: true });
    },
    hold: () => {
      follows.current = false;
      remember();
      // What was opened has its height only then.
      requestAnimationFrame(settle);
    },
    to: (key) => {
      follows.current = false;
      setAtEnd(false);
      target.current = key;
    },
  };
}
