// Keeps the focus in the dashboard when what had it goes away (a view, a row, a panel): else the next key would be
// the host's, and what deletes nothing here deletes a cell there.
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

export function useKeptFocus(app: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = app.current!;
    const root = element.getRootNode() as ShadowRoot;
    let focused: Element | null = null;
    const note = (event: Event) => {
      focused = event.target as Element;
    };
    // Who leaves by key or pointer leaves an element that is still there.
    const leave = (event: FocusEvent) => {
      if (event.relatedTarget === null && (event.target as Element).isConnected) focused = null;
    };
    const observer = new MutationObserver(() => {
      if (focused === null || focused.isConnected || root.activeElement !== null) return;
      const elsewhere = document.activeElement;
      if (elsewhere === null || elsewhere === document.body) element.focus({ preventScroll: true });
      focused = null;
    });
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
