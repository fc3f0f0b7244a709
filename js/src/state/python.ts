// The Python that gives the rows on the screen, for the copy buttons: it runs after `dash = aw.watch(…)`.
import { HIDDEN } from "../lib/hidden.ts";
import type { Bounds } from "../lib/stretch.ts";
import { COLUMNS, type TableName } from "../store/tables.ts";
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

export function pythonRows(table: TableName, filter: Filter, bounds: Bounds | null = null): string {
  const conditions = Object.entries(filter)
    .filter(([, values]) => values.length > 0)
    .map(([column, values]) => `${column}=${wanted(values)}`)
    .concat(bounds === null ? [] : during(table, bounds));
  return conditions.length > 0 ? `dash.${table}.where(${conditions.join(", ")})` : `dash.${table}.df()`;
}

const wanted = (values: readonly string[]): string =>
  values.length === 1 ? literal(values[0]!) : `[${values.map(literal).join(", ")}]`;

/** Conditions on the times of a table: the rows from within the bounds, or that last until then. */
function during(table: TableName, { from, to }: Bounds): string[] {
  const first = (...names: string[]): string => names.find((name) => name in COLUMNS[table])!;
  const begins = first("at", "started_at", "created_at", "updated_at");
  const ends = first("at", "updated_at", "last_seen_at", "ended_at");
  const upTo = Number.isFinite(to);
  if (begins === ends) return [`${begins}=lambda at: at and ${from} <= at${upTo ? ` < ${to}` : ""}`];
  const since = `${ends}=lambda at: at ${ends === "ended_at" ? `is None or` : "and"} at >= ${from}`;
  return upTo ? [`${begins}=lambda at: at and at < ${to}`, since] : [since];
}
