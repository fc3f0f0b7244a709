// One of the large figures: what it is, how much, and how it got there. Its tooltip has what it counts and since when,
// a click leads to the rows behind it.
import { Spark } from "./spark.tsx";

export interface FigureProps {
  label: string;
  /** Of which time it is: "now", "last 15 min", "in all". */
  covers?: string;
  value: string;
  /** Smaller, after the value. */
  unit?: string;
  note: string;
  /** What it counts and since when. */
  about: string;
  course: readonly number[];
  onOpen: () => void;
}

export function Figure({ label, covers, value, unit, note, about, course, onOpen }: FigureProps) {
  return (
    <button type="button" class="figure" title={about} onClick={onOpen}>
      <span class="figure-label">
        {label}
        {covers !== undefined && <span class="figure-covers"> · {covers}</span>}
      </span>
      <span class="figure-number">
        {value}
        {unit !== undefined && <span class="figure-unit">{unit}</span>}
      </span>
      <span class="figure-foot">
        <span class="figure-note">{note}</span>
        <Spark values={course} />
      </span>
    </button>
  );
}
