// The line under a table: what the rows that are shown add up to, and what that covers.
import { useMemo } from "preact/hooks";
import { bytes, duration, integer, money, percent, plural, score, short } from "../lib/format.ts";
import { tokensOf } from "../lib/tokens.ts";
import { COLUMNS, type TableName } from "../store/tables.ts";

type Cells = Readonly<Record<string, unknown>>;

interface TotalsProps {
  readonly table: TableName;
  readonly rows: readonly object[];
  readonly nouns: readonly [string, string];
  /** What the rows are of: "of 54,123 rows the newest 20,000", "24 h"; null for all there are. */
  readonly covers: string | null;
}

/** A figure, and what it counts. */
type Total = readonly [text: string, about: string, bad?: boolean];

export function Totals({ table, rows, nouns, covers }: TotalsProps) {
  const totals = useMemo(() => totalsOf(table, rows as readonly Cells[]), [table, rows]);
  return (
    <p class="totals" role="note" aria-label={`Totals of ${plural(rows.length, ...nouns)}`}>
      <strong>{plural(rows.length, ...nouns)}</strong>
      {totals.map(([text, about, bad]) => (
        <span key={about} title={about} class={bad ? "bad" : ""}>
          {text}
        </span>
      ))}
      {covers !== null && <span class="muted totals-covers">{covers}</span>}
    </p>
  );
}

export function totalsOf(table: TableName, rows: readonly Cells[]): Total[] {
  const columns = COLUMNS[table] as Cells;
  const known = (name: string): number[] =>
    rows.map((row) => row[name]).filter((value): value is number => typeof value === "number");
  const sum = (name: string): number => known(name).reduce((total, value) => total + value, 0);
  const count = (name: string, ...values: string[]): number =>
    rows.filter((row) => values.includes(row[name] as string)).length;
  const found: Total[] = [];
  if ("output_tokens" in columns) {
    const counted = rows
      .map((row) => tokensOf(row as unknown as Parameters<typeof tokensOf>[0]))
      .filter((n) => n !== null);
    const tokens = counted.reduce((total, n) => total + n, 0);
    const missing = rows.length - counted.length;
    if (counted.length > 0)
      found.push([
        `${short(tokens)} tokens`,
        `${integer(tokens)} tokens: ${integer(sum("input_tokens"))} in, ${integer(sum("cache_read_tokens"))} from cache, ` +
          `${integer(sum("cache_write_tokens"))} to cache, ${integer(sum("output_tokens"))} out` +
          (missing > 0 ? `; nobody counted those of ${integer(missing)} of the rows` : ""),
      ]);
    const costs = known("cost_usd");
    const unpriced = sum("unpriced_requests");
    if (costs.length > 0)
      found.push([
        money(sum("cost_usd"), unpriced),
        unpriced > 0
          ? `at least: the price of ${plural(unpriced, "answer")} is not known`
          : "all answers that were counted have a price",
      ]);
    else if (counted.length > 0) found.push(["unpriced", "no answer of these has a known price"]);
  }
  if (table === "usage") found.push([plural(sum("requests"), "answer"), "answers of models that were counted"]);
  if (table === "sessions" && known("messages").length > 0)
    found.push([plural(sum("messages"), "message"), "messages of these sessions"]);
  if (table === "agents" || table === "sessions") {
    if (known("tool_calls").length > 0)
      found.push([plural(sum("tool_calls"), "tool call"), `${plural(sum("errors"), "error")} among them`]);
  }
  if (table === "tool_calls") {
    const errors = count("status", "error");
    if (errors > 0)
      found.push([`${plural(errors, "error")}, ${percent(errors / rows.length)}`, "calls that failed", true]);
    if (known("duration_ms").length > 0)
      found.push([`${duration(sum("duration_ms"))} in all`, "durations added up; calls that ran at once count each"]);
  }
  if (table === "tasks" && rows.length > 0)
    found.push([`${integer(count("status", "completed"))} completed`, "of these"]);
  if (table === "messages") {
    const senders = new Set(rows.map((row) => row["sender"])).size;
    if (rows.length > 0) found.push([`from ${plural(senders, "sender")}`, "who sent these"]);
  }
  if (table === "logs") {
    const errors = count("level", "error", "critical");
    if (errors > 0) found.push([plural(errors, "error"), "lines of level error or critical", true]);
  }
  if (table === "quality" && known("score").length > 0)
    found.push([`mean ${score(sum("score") / known("score").length)}`, "mean of the scores from 0 to 1"]);
  if (table === "memory" && known("size").length > 0) found.push([bytes(sum("size")), "size of these"]);
  return found;
}
