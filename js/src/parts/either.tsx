// A switch between two ways to show the same.
import type { Signal } from "@preact/signals";

interface EitherProps {
  readonly label: string;
  /** Off is the first, on the second. */
  readonly on: Signal<boolean>;
  readonly names: readonly [string, string];
}

export function Either({ label, on, names }: EitherProps) {
  return (
    <div class="either" role="group" aria-label={label}>
      {names.map((name, i) => (
        <button
          key={name}
          type="button"
          aria-pressed={on.value === (i === 1)}
          onClick={() => {
            on.value = i === 1;
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
