// The Python that gives the rows on the screen, for the copy buttons: it runs after `dash = aw.watch(…)`.
import { HIDDEN } from "../lib/hidden.ts";
import type { TableName } from "../store/tables.ts";
import type { Filter } from "./nav.ts";

const ANY_HIDDEN = new RegExp(HIDDEN, "gu");

/**
 * JSON strings are Python strings too, escapes included. What cannot be seen is escaped as Python does it, since a
 * pair of surrogates would be two characters there.
 */
const literal = (value: string): string =>
  JSON.stringify(value).replace(ANY_HIDDEN, (char) => `\\U${char.codePointAt(0)!.toString(16).padStart(8, "0")}`);

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
