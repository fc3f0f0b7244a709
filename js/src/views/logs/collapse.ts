// Equal log lines in a row, shown once with a count: several instances of a logger write the same line.
import type { LogsRow } from "../../store/tables.ts";

export interface LogLine {
  /** Of the first of the equal lines. */
  readonly id: string;
  readonly row: LogsRow;
  readonly count: number;
  readonly lastAt: number | null;
}

export function collapse(rows: readonly LogsRow[], together: boolean): readonly LogLine[] {
  const lines: { id: string; row: LogsRow; count: number; lastAt: number | null }[] = [];
  for (const row of rows) {
    const last = lines.at(-1);
    if (together && last !== undefined && same(last.row, row)) {
      last.count++;
      last.lastAt = row.at;
    } else {
      lines.push({ id: row.id, row, count: 1, lastAt: row.at });
    }
  }
  return lines;
}

function same(a: LogsRow, b: LogsRow): boolean {
  return a.text === b.text && a.level === b.level && a.logger === b.logger && a.agent_id === b.agent_id;
}
