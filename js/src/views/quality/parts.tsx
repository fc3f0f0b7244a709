// Scores by name, and tests that passed and failed, as small bars.
import { Bar } from "../../charts/bar.tsx";
import { integer, words } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { Ends } from "../../parts/ends.tsx";
import type { QualityRow } from "../../store/tables.ts";
import { type Dimension, dimensionsOf, part, type Tests, testsOf } from "./sums.ts";

const rounded = (value: number): number => Math.round(value * 100) / 100;

const BAR_PX = 7;
const HEIGHT_PX = 16;

/** The rest of a judgement beside its score, for a cell: tests, else a bar for each dimension. */
export function Beside({ row }: { row: QualityRow }) {
  const tests = testsOf([row]);
  if (tests !== null) return <TestBar tests={tests} />;
  const dimensions = dimensionsOf(row);
  if (dimensions.length === 0) return <span class="muted">–</span>;
  return (
    <span class="with-mark">
      <Small dimensions={dimensions} />
      <Ends class="muted" text={weakest(dimensions)} />
    </span>
  );
}

function Small({ dimensions }: { dimensions: readonly Dimension[] }) {
  return (
    <svg class="small-bars" width={dimensions.length * BAR_PX} height={HEIGHT_PX} role="img">
      <title>{dimensions.map(({ name, value }) => `${words(oneLine(name))} ${rounded(value)}`).join("\n")}</title>
      {dimensions.map(({ name, value }, i) => {
        const height = Math.max(1.5, Math.min(1, part(value)) * HEIGHT_PX);
        return <rect key={name} x={i * BAR_PX} y={HEIGHT_PX - height} width={BAR_PX - 1.5} height={height} />;
      })}
    </svg>
  );
}

/** Where there was least to praise is what one wants to know. */
function weakest(dimensions: readonly Dimension[]): string {
  const least = dimensions.reduce((worst, one) => (part(one.value) < part(worst.value) ? one : worst));
  return dimensions.length === 1
    ? `${words(oneLine(least.name))} ${rounded(least.value)}`
    : `least ${words(oneLine(least.name))} ${rounded(least.value)}`;
}

/** Tests as one bar: what passed, what failed, what was skipped. */
export function TestBar({ tests }: { tests: Tests }) {
  const all = tests.passed + tests.failed + tests.skipped;
  const share = (n: number) => `${(n / all) * 100}%`;
  return (
    <span
      class="tests"
      title={`${integer(tests.passed)} passed, ${integer(tests.failed)} failed, ${integer(tests.skipped)} skipped`}
    >
      <span class="tests-bar" aria-hidden="true">
        <span style={{ width: share(tests.passed), background: "var(--aw-done)" }} />
        <span style={{ width: share(tests.failed), background: "var(--aw-failed)" }} />
      </span>
      <span class="figures line">
        {integer(tests.passed)} passed
        {tests.failed > 0 && <span class="bad">, {integer(tests.failed)} failed</span>}
        {tests.skipped > 0 && <span class="muted">, {integer(tests.skipped)} skipped</span>}
      </span>
    </span>
  );
}

export function Dimensions({ dimensions }: { dimensions: readonly Dimension[] }) {
  return (
    <div class="dimensions">
      {dimensions.map(({ name, value }) => (
        <div key={name} class="dimension">
          <span class="line" title={oneLine(name)}>
            {words(oneLine(name))}
          </span>
          <Bar part={part(value)} />
          <span class="figures">{rounded(value)}</span>
        </div>
      ))}
    </div>
  );
}
