// A toolbar button that is on or off.
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

export function Switch({ on, children, title }: { on: Signal<boolean>; children: ComponentChildren; title?: string }) {
  return (
    <button
      type="button"
      class="chip"
      title={title}
      aria-pressed={on.value}
      onClick={() => {
        on.value = !on.value;
      }}
    >
      {children}
    </button>
  );
}
