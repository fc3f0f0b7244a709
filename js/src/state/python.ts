// The Python that asks the same question as what is on the screen, for the copy buttons.
import type { TableName } from "../store/tables.ts";
import type { Filter } from "./nav.ts";

/** JSON strings are Python strings too, escapes included (lone surrogates aside, which JSON.stringify escapes). */
const literal = (value: string): string => JSON.stringify(value);

export function pythonRow(table: TableName, id: string): string {
  return `client.${table}[${literal(id)}]`;
}

export function pythonRows(table: TableName, filter: Filter): string {
  const entries = Object.entries(filter).filter(([, values]) => values.length > 0);
  if (entries.length === 0) return `client.${table}.df()`;
  if (entries.every(([, values]) => values.length === 1)) {
    return `client.${table}.where(${entries.map(([column, [value]]) => `${column}=${literal(value!)}`).join(", ")})`;
  }
  const conditions = entries.map(
    ([column, values]) => `row[${literal(column)}] in (${values.map(literal).join(", ")},)`,
  );
  return `[row for row in client.${table} if ${conditions.join(" and ")}]`;
}
