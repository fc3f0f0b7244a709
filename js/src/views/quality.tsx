// Quality: how good the work was judged, as a distribution and judgement by judgement.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { exactTime, integer, plural, score, when, words } from "../format.ts";
import { agentColumn } from "../parts/agent-column.tsx";
import { Bar } from "../parts/bar.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { Histogram } from "../parts/histogram.tsx";
import { Score } from "../parts/score.tsx";
import { Line, oneLine } from "../parts/text.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { newestFirst } from "../sorting.ts";
import type { Shown } from "../store.ts";
import type { QualityRow } from "../tables.ts";

const facets: readonly Facet<QualityRow>[] = [
  { key: "kind", title: "kind", values: (row) => [row.kind] },
  { key: "scale", title: "scale", values: (row) => [row.scale], menu: true },
  { key: "source", title: "source", values: (row) => [row.source], menu: true },
];

const text = (row: QualityRow) => joined(row.id, row.kind, row.subject, row.assessor, row.task_id, row.notes);

interface Dimension {
  readonly name: string;
  readonly value: number;
}

/** The named scores of a judgement. A reader may have kept each as a number or as a record with a score. */
function dimensionsOf(row: QualityRow): readonly Dimension[] {
  return Object.entries(row.dimensions ?? {}).flatMap(([name, value]) => {
    const number = typeof value === "object" && value !== null && "score" in value ? value.score : value;
    return typeof number === "number" ? [{ name, value: number }] : [];
  });
}

/** Dimensions have no fixed scale: from 0 to 1, else to 10, else to 100. */
function part(value: number): number {
  return value <= 1 ? value : value <= 10 ? value / 10 : value / 100;
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

function subject(store: Shown, row: QualityRow): string | null {
  return row.subject ?? (row.task_id && (store.tables.tasks.rows.get(row.task_id)?.title ?? row.task_id));
}

function tests(row: QualityRow): string {
  const counts = [
    [row.passed, "passed"],
    [row.failed, "failed"],
    [row.skipped, "skipped"],
  ] as const;
  return counts.flatMap(([n, what]) => (n === null || n === 0 ? [] : [`${integer(n)} ${what}`])).join(", ");
}

const columnsOf = (store: Shown): readonly Column<QualityRow>[] => [
  {
    key: "score",
    title: "score",
    min: 96,
    value: (row) => row.score,
    cell: (row) => <Score value={row.score} />,
  },
  {
    key: "subject",
    title: "subject",
    min: 150,
    grow: 4,
    value: (row) => subject(store, row),
    cell: (row) => <Line text={subject(store, row)} />,
  },
  { key: "kind", title: "kind", min: 90, rank: 2, value: (row) => row.kind, cell: (row) => words(row.kind) },
  {
    key: "dimensions",
    title: "dimensions",
    min: 150,
    grow: 2,
    rank: 4,
    cell: (row) => (
      <Line text={tests(row) || dimensionsOf(row).map(({ name, value }) => `${words(name)} ${rounded(value)}`).join(" · ")} />
    ),
  },
  agentColumn(store, "assessor", { title: "by", rank: 3 }),
  {
    key: "at",
    title: "when",
    min: 90,
    rank: 1,
    end: true,
    value: (row) => row.at,
    cell: (row) => (
      <span class="muted" title={exactTime(row.at)}>
        {when(row.at, store.now.value)}
      </span>
    ),
  },
];

export function Quality() {
  const { store, nav } = useApp();
  const { quality, tasks, agents } = store.tables;
  quality.version.value;
  tasks.version.value;
  agents.version.value;
  const all = quality.list();
  const rows = useMemo(() => newestFirst(all, (row) => row.at), [all]);
  const query = useQuery("quality", rows, text, facets);
  const columns = useMemo(() => columnsOf(store), [store]);
  return (
    <Frame
      view="quality"
      table="quality"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["judgement", "judgements"]}
      nothing="Assessments, test runs and evaluations appear here as they are made."
      details={(row) => (
        <Details table="quality" row={row} title={subject(store, row) ?? "judgement"}>
          <Dimensions row={row} />
        </Details>
      )}
    >
      <Summary rows={query.rows} />
      <Grid
        label="Judgements"
        columns={columns}
        rows={query.rows}
        sort={nav.sort("quality")}
        question={query.question}
        latest={quality.rows}
        changedAt={quality.changedAt}
        selected={nav.selected.value?.table === "quality" ? nav.selected.value.id : null}
        onSelect={(id) => nav.select("quality", id)}
      />
    </Frame>
  );
}

function Summary({ rows }: { rows: readonly QualityRow[] }) {
  const scores = rows.flatMap((row) => (row.score === null ? [] : [row.score]));
  const total = (key: "passed" | "failed" | "skipped") => rows.reduce((sum, row) => sum + (row[key] ?? 0), 0);
  const [passed, failed, skipped] = [total("passed"), total("failed"), total("skipped")];
  const mean = scores.length === 0 ? null : scores.reduce((sum, one) => sum + one, 0) / scores.length;
  return (
    <div class="summary">
      <div class="summary-figure">
        <span class="figure-name">Mean score</span>
        <span class="figure-value">{score(mean)}</span>
        <span class="muted">of {plural(scores.length, "score")} from 0 to 1</span>
      </div>
      {scores.length > 0 && <Histogram values={scores} label="Distribution of the scores from 0 to 1" />}
      {passed + failed + skipped > 0 && (
        <div class="summary-figure">
          <span class="figure-name">Tests</span>
          <span class="figure-value">{integer(passed)}</span>
          <span class="muted">
            passed · <span class={failed > 0 ? "bad" : ""}>{integer(failed)} failed</span> · {integer(skipped)} skipped
          </span>
        </div>
      )}
    </div>
  );
}

function Dimensions({ row }: { row: QualityRow }) {
  const dimensions = dimensionsOf(row);
  if (dimensions.length === 0) return null;
  return (
    <div class="dimensions">
      {dimensions.map(({ name, value }) => (
        <div key={name} class="dimension">
          <span class="line">{words(oneLine(name))}</span>
          <Bar part={part(value)} />
          <span class="figures">{rounded(value)}</span>
        </div>
      ))}
    </div>
  );
}
