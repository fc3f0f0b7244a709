// The Python that gives the rows on the screen, for the copy buttons: it runs after `dash = aw.watch(…)`.
import type { TableName } from "../store/tables.ts";
import type { Filter } from "./nav.ts";

/** JSON strings are Python strings too, escapes included (lone surrogates aside, which JSON.stringify escapes). */
const literal = (value: string): string => JSON.stringify(value);

export function pythonRow(table: TableName, id: string): string {
  return `dash.${table}[${literal(id)}]`;
}

export function pythonRows(table: TableName, filter: Filter): string {
  const conditions = Object.entries(filter)
    .filter(([, values]) => values.length > 0)
    .map(([column, values]) => `${column}=${wanted(values)}`);
  return conditions.length > 0 ? `dash.${table}.where(${conditions.join(", ")})` : `dash.${table}.df()`;
}

const wanted = (values: readonly string[]): string =>
  values.length === 1 ? literal(values[0]!) : `[${values.map(literal).join(", ")}]`;
