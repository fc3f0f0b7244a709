// Rows for tests: everything unknown but what is given.
import { COLUMNS, type Rows, type TableName } from "../../src/store/tables.ts";

export function row<T extends TableName>(table: T, id: string, known: Partial<Rows[T]> = {}): Rows[T] {
  const blank = Object.fromEntries(Object.keys(COLUMNS[table]).map((column) => [column, null]));
  return { ...blank, id, ...known } as Rows[T];
}
