// What all judgements that are shown add up to: the mean, how the scores spread, their course, and by whom or of whom.
import { useMemo, useState } from "preact/hooks";
import { Bar } from "../../charts/bar.tsx";
import { Histogram } from "../../charts/histogram.tsx";
import { integer, plural, score, words } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { Ends } from "../../parts/ends.tsx";
import { useApp } from "../../state/context.ts";
import { agentName } from "../../store/names.ts";
import type { QualityRow } from "../../store/tables.ts";
import { ScoreCourse } from "./course.tsx";
import { TestBar } from "./parts.tsx";
import { grouped, judged, mean, scoresOf, testsOf } from "./sums.ts";

export function Summary({ rows }: { rows: readonly QualityRow[] }) {
  const scores = useMemo(() => scoresOf(rows), [rows]);
  const tests = useMemo(() => testsOf(rows), [rows]);
  return (
    <div class="summary">
      {scores.length > 0 && (
        <div class="summary-figure">
          <span class="figure-name">Mean score</span>
          <span class="figure-value">{score(mean(scores))}</span>
          <span class="muted">of {plural(scores.length, "score")}, 0 to 1</span>
        </div>
      )}
      {tests !== null && (
        <div class="summary-figure">
          <span class="figure-name">Tests</span>
          <span class="figure-value">{integer(tests.passed + tests.failed + tests.skipped)}</span>
          <TestBar tests={tests} />
        </div>
      )}
      {scores.length > 0 && <Histogram values={scores} label="Distribution of the scores from 0 to 1" />}
      <ScoreCourse rows={rows} />
      <By rows={rows} />
    </div>
  );
}

const WAYS = ["agent", "assessor", "kind"] as const;
type Way = (typeof WAYS)[number];

/** The mean by whose work it was, by who judged it, or by kind; a click keeps only those. */
function By({ rows }: { rows: readonly QualityRow[] }) {
  const { store, nav } = useApp();
  const filter = nav.filter("quality");
  const [chosen, choose] = useState<Way | null>(null);
  const keys: Record<Way, (row: QualityRow) => string | null> = {
    agent: (row) => judged(store, row),
    assessor: (row) => row.assessor,
    kind: (row) => row.kind,
  };
  const all = useMemo(() => new Map(WAYS.map((way) => [way, grouped(rows, keys[way])] as const)), [rows]);
  const ways = WAYS.filter((way) => all.get(way)!.length > 1);
  const way = chosen !== null && ways.includes(chosen) ? chosen : ways[0];
  if (way === undefined) return null;
  const name = (key: string) => (way === "kind" ? words(oneLine(key)) : agentName(store, key));
  return (
    <div class="score-by">
      <select
        class="menu"
        aria-label="Mean score by"
        value={way}
        onChange={(event) => choose((event.currentTarget as HTMLSelectElement).value as Way)}
      >
        {ways.map((one) => (
          <option key={one} value={one}>
            by {one}
          </option>
        ))}
      </select>
      <ul class="plain">
        {all.get(way)!.map(({ key, count, mean }) => (
          <li key={key}>
            <button type="button" class="link name" onClick={() => (filter.value = { ...filter.value, [way]: [key] })}>
              <Ends text={name(key)} title={key} />
            </button>
            <Bar part={mean} />
            <span class="figures" title={plural(count, "score")}>
              {score(mean)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
