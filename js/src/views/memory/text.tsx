// The text of a memory entry, whole if the server can be asked, and how it changed while the page was open.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ago, integer, plural, timeOfDay } from "../../lib/format.ts";
import { lineDiff } from "../../lib/line-diff.ts";
import { DiffLines } from "../../parts/diff.tsx";
import { Markdown } from "../../parts/markdown.tsx";
import { Section } from "../../parts/section.tsx";
import { Prose } from "../../parts/text.tsx";
import { useApp } from "../../state/context.ts";
import {
  comparable,
  type MemoryHistory,
  type MemoryVersion,
  memoryVersions,
  type WholeText,
} from "../../store/memory-versions.ts";
import type { MemoryRow } from "../../store/tables.ts";
import { PREVIEW_CHARS } from "../../store/tables.ts";

export function MemoryText({ row }: { row: MemoryRow }) {
  const { store, live } = useApp();
  const versions = memoryVersions(live);
  versions.changed.value;
  const problem = useWholeText(row);
  const history = versions.of(row.id);
  const whole = history?.versions.find(({ version, whole: all }) => all && version === row.version);
  const text = whole?.text ?? row.text ?? "";
  const short = text.length < PREVIEW_CHARS;
  return (
    <>
      {history !== undefined && !store.past && <Changes history={history} />}
      <Section title="text" aside={whole?.truncated ? "the beginning" : undefined}>
        {text === "" ? <p class="muted">Nothing is written in it.</p> : <Written path={row.path} text={text} />}
        {whole === undefined && !short && (
          <p class="muted">{problem ?? "The first 500 characters; asking for the rest."}</p>
        )}
        {whole?.truncated && <p class="muted">The first {integer(text.length)} characters of a longer text.</p>}
      </Section>
    </>
  );
}

/** Maximum characters set as Markdown: a longer text would block the page. */
const MOST_MARKDOWN = 40_000;

function Written({ path, text }: { path: string | null; text: string }) {
  return path?.endsWith(".md") && text.length <= MOST_MARKDOWN ? <Markdown text={text} /> : <Prose text={text} />;
}

/** Asks for the whole text of the version that is shown; returns what went wrong, or null. */
function useWholeText({ id, version }: MemoryRow): string | null {
  const { ask, live } = useApp();
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (ask === null) {
      setProblem("The first 500 characters: a saved page has no server to ask for the rest.");
      return;
    }
    let current = true;
    setProblem(null);
    ask<WholeText>("memory", { id }).then(
      (text) => memoryVersions(live).setText(id, text),
      (error: Error) => current && setProblem(`The first 500 characters: ${error.message}`),
    );
    return () => {
      current = false;
    };
  }, [ask, id, version]);
  return problem;
}

function Changes({ history }: { history: MemoryHistory }) {
  const { store } = useApp();
  const { versions, changes, isNew } = history;
  // a stepped-back reader stays with the change they read while new ones arrive
  const [held, hold] = useState<MemoryVersion | null>(null);
  const at = held === null ? -1 : versions.indexOf(held);
  const index = at > 0 ? at : Math.max(1, versions.length - 1);
  const [before, after] = [versions[index - 1], versions[index]];
  const diff = useMemo(() => (before && after ? lineDiff(...comparable(before, after)) : null), [before, after]);
  const last = versions.at(-1)?.seenAt ?? null;
  if (diff === null || before === undefined || after === undefined) {
    return isNew ? <p class="muted">New: it came {ago(last, store.now.value)}.</p> : null;
  }
  const step = (by: number) => {
    const to = index + by;
    hold(to === versions.length - 1 ? null : versions[to]!);
  };
  const kept = versions.length - 1;
  return (
    <Section
      title={`${isNew ? "new, then changed" : "changed"} ${changes === 1 ? "once" : plural(changes, "time")} since you opened this`}
      aside={store.now.value - (last ?? 0) < 2_000 ? "just now" : `last ${ago(last, store.now.value)}`}
    >
      <div class="versions">
        <span class="figures">
          <span class="ink-done">+{integer(diff.added)}</span> <span class="ink-failed">−{integer(diff.removed)}</span>
        </span>
        <span class="muted">at {timeOfDay(after.seenAt)}</span>
        {kept > 1 && (
          <span class="versions-steps">
            <button
              type="button"
              class="button"
              aria-label="The change before"
              disabled={index <= 1}
              onClick={() => step(-1)}
            >
              ‹
            </button>
            <span class="figures muted">
              {integer(changes - kept + index)} of {integer(changes)}
            </span>
            <button
              type="button"
              class="button"
              aria-label="The next change"
              disabled={index >= kept}
              onClick={() => step(1)}
            >
              ›
            </button>
          </span>
        )}
      </div>
      {diff.added + diff.removed > 0 && <DiffLines lines={diff.lines} />}
      {!(before.whole && after.whole) &&
        (before.text.length >= PREVIEW_CHARS || after.text.length >= PREVIEW_CHARS) && (
          <p class="muted">
            {diff.added + diff.removed > 0 ? "Of" : "Nothing changed in"} the first 500 characters: whole texts are
            known from when this entry was first looked at.
          </p>
        )}
    </Section>
  );
}
