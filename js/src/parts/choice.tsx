// One of several ways to show the same, side by side.
interface ChoiceProps<V extends string> {
  readonly label: string;
  readonly options: readonly (readonly [value: V, name: string])[];
  readonly value: V;
  readonly onChoose: (value: V) => void;
}

export function Choice<V extends string>({ label, options, value, onChoose }: ChoiceProps<V>) {
  return (
    <div class="either" role="group" aria-label={label}>
      {options.map(([option, name]) => (
        <button key={option} type="button" aria-pressed={option === value} onClick={() => onChoose(option)}>
          {name}
        </button>
      ))}
    </div>
  );
}
