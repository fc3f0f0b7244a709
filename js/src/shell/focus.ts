// Keeps the focus in the dashboard when the focused element goes away (a view, a row, a panel): otherwise the next
// key would go to JupyterLab, where it may delete a cell.
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const ROWS = ".panel [role=grid], .panel [role=treegrid], .panel [role=listbox]";

/** Give the focus to the rows of the view, at the first one if none has the cursor; false where there are none. */
export function enterRows(app: Element): boolean {
  const rows = app.querySelector<HTMLElement>(ROWS);
  if (rows === null) return false;
  rows.focus();
  if (!rows.hasAttribute("aria-activedescendant"))
    rows.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  return true;
}

export function useKeptFocus(app: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = app.current!;
    const root = element.getRootNode() as ShadowRoot;
    let focused: Element | null = null;
    const note = (event: Event) => {
      focused = event.target as Element;
    };
    const keep = () => {
      if (focused === null || focused.isConnected || root.activeElement !== null) return;
      const elsewhere = document.activeElement;
      if (elsewhere === null || elsewhere === document.body) element.focus({ preventScroll: true });
      focused = null;
    };
    // Leaving by key or pointer leaves an element that is still there; when one is removed, some browsers
    // fire before it goes, others not at all.
    const leave = (event: FocusEvent) => {
      if (event.relatedTarget !== null) return;
      const left = event.target as Element;
      queueMicrotask(() => {
        if (focused === left && left.isConnected) focused = null;
        else keep();
      });
    };
    const observer = new MutationObserver(keep);
    observer.observe(element, { childList: true, subtree: true });
    element.addEventListener("focusin", note);
    element.addEventListener("focusout", leave);
    return () => {
      observer.disconnect();
      element.removeEventListener("focusin", note);
      element.removeEventListener("focusout", leave);
    };
  }, []);
}
