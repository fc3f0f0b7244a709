// One of the large figures: what it is, how much, and how it got there. Its tooltip has what it counts and since when,
// a click leads to the rows behind it.
import { Columns, Spark } from "./spark.tsx";

/** As many columns as there is room for; fewer stand at the right, where now is. */
const MOST_COLUMNS = 16;

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
  /** What was in each stretch rather than how it was at each instant: columns, not a line. */
  columns?: boolean;
  onOpen: () => void;
}

export function Figure({ label, covers, value, unit, note, about, course, columns = false, onOpen }: FigureProps) {
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
        {columns ? <Columns values={course} most={MOST_COLUMNS} /> : <Spark values={course} />}
      </span>
    </button>
  );
}
