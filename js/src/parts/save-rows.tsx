// The button that saves the rows that are shown as CSV.
import { csvText } from "../lib/csv.ts";
import { download } from "../lib/download.ts";
import { integer, plural } from "../lib/format.ts";
import { useApp } from "../state/context.ts";
import { recordedRows } from "../store/store.ts";
import { COLUMNS, type TableName } from "../store/tables.ts";
import { Icon } from "./icons.tsx";

interface SaveRowsProps {
  readonly table: TableName;
  readonly rows: readonly object[];
  readonly nouns: readonly [string, string];
}

export function SaveRows({ table, rows, nouns }: SaveRowsProps) {
  const { store, nav } = useApp();
  const held = store.tables[table].rows.size;
  const partial = recordedRows(store, table) > held;
  const only = partial ? `; of the newest ${integer(held)}, dash.${table}.csv("${table}.csv") has all` : "";
  const onClick = () =>
    download(csvText(Object.keys(COLUMNS[table]), rows), csvName(table, partial ? held : null, nav.moment.value));
  return (
    <button
      type="button"
      class="button tool"
      title={`Save ${rows.length === 1 ? "this" : "these"} ${plural(rows.length, ...nouns)} as CSV, with all columns${only}`}
      onClick={onClick}
    >
      <Icon name="save" />
      <span class="tool-word">CSV</span>
    </button>
  );
}

/** "messages.csv"; says what it lacks, and of which moment it is. */
export function csvName(table: TableName, newest: number | null, moment: number | null): string {
  const at = moment === null ? [] : [new Date(moment).toISOString().slice(0, 19).replaceAll(":", "-")];
  return `${[table, ...(newest === null ? [] : [`newest-${newest}`]), ...at].join("-")}.csv`;
}
