// The last look at all text on its way into the document: whichever view draws it, nothing in it is invisible.
// Views call `visible` and `oneLine` themselves where they cut, measure or paint a text.
import { options, type VNode } from "preact";
import { visible } from "../lib/text.ts";

/** Attributes that are read or heard; all others (ids, classes, what a person typed) stay as they are. */
const READ = [
  "title",
  "aria-label",
  "aria-description",
  "aria-valuetext",
  "aria-roledescription",
  "alt",
  "placeholder",
];

export function showWhatIsHidden(): void {
  const before = options.vnode;
  options.vnode = (vnode: VNode) => {
    const { type, props } = vnode as { type: unknown; props: unknown };
    if (type === null && typeof props === "string") (vnode as { props: unknown }).props = visible(props);
    else if (typeof type === "string") showIn(props as Record<string, unknown>);
    before?.(vnode);
  };
}

function showIn(props: Record<string, unknown>): void {
  for (const name of READ) {
    const value = props[name];
    if (typeof value === "string") props[name] = visible(value);
  }
}
