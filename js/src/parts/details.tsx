// Everything known about one row: each field with its name, references as ways to the rows they name.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { ago, bytes, duration, exactTime, integer, money, percent, words } from "../lib/format.ts";
import { escaped, oneLine } from "../lib/text.ts";
import { useApp } from "../state/context.ts";
import { pythonRow } from "../state/python.ts";
import { COLUMNS, type ColumnType, type Rows, type TableName } from "../store/tables.ts";
import { AgentName } from "./agent-name.tsx";
import { CopyButton } from "./copy.tsx";
import { StatusMark } from "./status.tsx";
import { Prose } from "./text.tsx";
import { TranscriptLink } from "./transcript-link.tsx";

/** The tables a column may name a row of. `parent_id` names one of its own table. */
const REFERENCES: Readonly<Record<string, TableName>> = {
  agent_id: "agents",
  owner: "agents",
  sender: "agents",
  recipient: "agents",
  assessor: "agents",
  session_id: "sessions",
  task_id: "tasks",
  depends_on: "tasks",
};

/** Where a row comes from: shown last. */
const ORIGIN = new Set(["id", "source", "host"]);

interface DetailsProps<T extends TableName> {
  readonly table: T;
  readonly row: Rows[T];
  readonly title: string;
  /** Fields that `children` show already. */
  readonly without?: readonly string[];
  readonly children?: ComponentChildren;
}

export function Details<T extends TableName>({ table, row, title, without = [], children }: DetailsProps<T>) {
  const { nav } = useApp();
  const aside = useRef<HTMLElement>(null);
  /** Back to the list, or the keys would go to the page around. */
  const close = () => {
    nav.select(table, null);
    aside.current?.parentElement?.querySelector<HTMLElement>("[role=grid], [role=treegrid], [role=listbox]")?.focus();
  };
  const all = Object.entries(COLUMNS[table]) as [keyof Rows[T] & string, ColumnType][];
  const columns = all
    .filter(([name]) => !without.includes(name))
    .sort(([a], [b]) => Number(ORIGIN.has(a)) - Number(ORIGIN.has(b)));
  const known = columns.filter(([name]) => row[name] !== null && row[name] !== undefined);
  const unknown = columns.filter(([name]) => row[name] === null || row[name] === undefined);
  const unpriced = "unpriced_requests" in row ? (row.unpriced_requests ?? 0) : 0;
  return (
    <aside
      ref={aside}
      class="details"
      aria-label={`Details of ${oneLine(title)}`}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <header class="details-head">
        <h2>{oneLine(title)}</h2>
        <button type="button" class="button bare" aria-label="Close the details" onClick={close}>
          ✕
        </button>
      </header>
      <div class="details-body">
        {table === "agents" && <TranscriptLink agent={row.id} />}
        {children}
        <dl>
          {known.map(([name, type]) => (
            <div key={name} class="field">
              <dt>{name}</dt>
              <dd>
                <Value table={table} name={name} type={type} value={row[name]} unpriced={unpriced} />
              </dd>
            </div>
          ))}
        </dl>
        {unknown.length > 0 && <p class="muted">Not known: {unknown.map(([name]) => name).join(", ")}</p>}
      </div>
      <footer class="details-foot">
        <CopyButton text={pythonRow(table, row.id)}>Copy Python</CopyButton>
        <CopyButton text={row.id}>Copy id</CopyButton>
        <CopyButton text={escaped(JSON.stringify(row, null, 2))}>Copy JSON</CopyButton>
      </footer>
    </aside>
  );
}

interface ValueProps {
  readonly table: TableName;
  readonly name: string;
  readonly type: ColumnType;
  readonly value: unknown;
  /** How many answers a cost leaves out. */
  readonly unpriced: number;
}

function Value({ table, name, type, value, unpriced }: ValueProps) {
  const { store } = useApp();
  const reference = name === "parent_id" ? table : REFERENCES[name];
  if (Array.isArray(value)) {
    if (value.length === 0) return <>none</>;
    return (
      <ul class="plain">
        {value.map((item, i) => (
          <li key={i}>{reference ? <Reference table={reference} id={String(item)} /> : oneLine(String(item))}</li>
        ))}
      </ul>
    );
  }
  if (reference !== undefined) return <Reference table={reference} id={String(value)} />;
  if (typeof value === "number") {
    if (name === "at" || name.endsWith("_at")) {
      return (
        <>
          <span title={exactTime(value)}>{exactTime(value).slice(0, -4)}</span>{" "}
          <span class="muted">{ago(value, store.now.value)}</span>
        </>
      );
    }
    if (name.endsWith("_ms")) return <>{duration(value)}</>;
    if (name === "cost_usd") return <>{money(value, unpriced)}</>;
    if (name === "size" || name.endsWith("_bytes")) return <>{bytes(value)}</>;
    if (name === "progress") return <>{percent(value)}</>;
    return <>{type === "int" ? integer(value) : String(Math.round(value * 1000) / 1000)}</>;
  }
  if (name === "status") {
    return (
      <span class="with-mark">
        <StatusMark status={String(value)} /> {words(oneLine(String(value)))}
      </span>
    );
  }
  if (name === "path" || name === "directory") {
    return (
      <span class="field-path">
        <Prose class="mono" text={String(value)} />
        <CopyButton class="bare" text={String(value)}>
          Copy
        </CopyButton>
      </span>
    );
  }
  if (typeof value === "string") return <Prose text={value} />;
  return <Prose class="mono" text={JSON.stringify(value, null, 2)} />;
}

/** A row by its title, leading there; an id that names no known row stays text. */
function Reference({ table, id }: { table: TableName; id: string }) {
  const { store, nav } = useApp();
  if (table === "agents") return <AgentName id={id} inTabOrder />;
  store.tables[table].version.value;
  const row = store.tables[table].rows.get(id);
  if (row === undefined) return <Prose text={id} />;
  const title = "title" in row && row.title ? row.title : id;
  return (
    <button type="button" class="link" title={oneLine(id)} onClick={() => nav.open(table, id)}>
      {oneLine(title)}
    </button>
  );
}
