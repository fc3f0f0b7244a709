// A score from 0 to 1 as a figure and a bar.
import { score } from "../lib/format.ts";
import { Bar } from "./bar.tsx";

export function Score({ value }: { value: number | null }) {
  if (value === null) return <span class="muted">–</span>;
  return (
    <span class="with-bar">
      <span class="figures">{score(value)}</span>
      <Bar part={value} />
    </span>
  );
}
