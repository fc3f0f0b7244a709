// A panel over the view: it takes the focus, closes with Escape, and gives the focus back.
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface DialogProps {
  readonly open: Signal<boolean>;
  readonly title: string;
  /** What its closing button is called. */
  readonly closes: string;
  readonly children: ComponentChildren;
}

export function Dialog({ open, title, closes, children }: DialogProps) {
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = panel.current!;
    const root = element.getRootNode() as ShadowRoot;
    const before = root.activeElement as HTMLElement | null;
    element.focus();
    return () => {
      if (element.contains(root.activeElement)) before?.focus(); // it runs before the panel goes
    };
  }, []);
  const close = () => {
    open.value = false;
  };
  return (
    <section
      ref={panel}
      class="dialog"
      role="dialog"
      aria-label={title}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        close();
      }}
    >
      <header class="details-head">
        <h2>{title}</h2>
        <button type="button" class="button bare" aria-label={closes} onClick={close}>
          ✕
        </button>
      </header>
      {children}
    </section>
  );
}
