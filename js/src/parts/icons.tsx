// The few signs on buttons. They say nothing by themselves: the button has the words.
import type { JSX } from "preact";

const SHAPES = {
  history: <path d="M3.2 5.2A5.5 5.5 0 1 1 2.5 8M3 2.2v3h3M8 5v3.2l2.2 1.4" />,
  hosts: <path d="M2.5 3h11v4h-11ZM2.5 9h11v4h-11ZM5 5h.5M5 11h.5" />,
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" stroke-width="2" />,
  resume: <path d="M5 3.2v9.6L12.5 8Z" fill="currentColor" />,
  bell: (
    <path d="M3 11.5h10c-1.2-1-1.3-2.2-1.3-4.5a3.7 3.7 0 0 0-7.4 0c0 2.3-.1 3.5-1.3 4.5ZM6.8 13.6a1.3 1.3 0 0 0 2.4 0" />
  ),
  save: <path d="M8 2.5v7.5M4.8 7 8 10.2 11.2 7M2.5 10.5v3h11v-3" />,
  copy: <path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8Z" />,
} satisfies Record<string, JSX.Element>;

export function Icon({ name }: { name: keyof typeof SHAPES }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {SHAPES[name]}
    </svg>
  );
}
