// The files that an agent changed, with their diffs: in its last turn, or in as much of its conversation as was read. They
// are read from its transcript when somebody asks.
import { useState } from "preact/hooks";
import { integer, plural } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { Choice } from "../../parts/choice.tsx";
import { Diff, DiffSize } from "../../parts/diff.tsx";
import { useApp } from "../../state/context.ts";
import { hasTranscript } from "../../state/trail.ts";
import type { AgentsRow } from "../../store/tables.ts";
import type { Entry, Page, Tool } from "../../store/transcript.ts";

const ENTRIES = 300;

export interface Changed {
  readonly path: string;
  readonly calls: readonly Tool[];
}

/** The files that calls changed, the last changed first; `turn`: since the last prompt. */
export function changedFiles(entries: readonly Entry[], turn: boolean): Changed[] {
  const from = turn ? entries.findLastIndex(({ kind }) => kind === "prompt") + 1 : 0;
  const files = new Map<string, Tool[]>();
  for (const entry of entries.slice(from)) {
    if (entry.kind !== "tool" || entry.status !== "ok") continue;
    for (const path of entry.files) {
      const calls = files.get(path) ?? [];
      files.delete(path);
      files.set(path, [...calls, entry]);
    }
  }
  return Array.from(files, ([path, calls]) => ({ path, calls })).reverse();
}

export function Files({ row }: { row: AgentsRow }) {
  const { store, live, ask } = useApp();
  const [page, setPage] = useState<Pick<Page, "entries" | "before"> | null>(null);
  const [note, setNote] = useState<string | null>(null);
  const [turn, setTurn] = useState(true);
  const [open, setOpen] = useState<string | null>(null);
  const session = store.tables.sessions.rows.get(row.session_id ?? row.id);
  if (ask === null || store !== live || session === undefined || !hasTranscript(store, session)) return null;
  const read = async (before: string | null) => {
    setNote("reading …");
    try {
      const more = await ask<Page>("transcript", {
        session: row.id,
        limit: ENTRIES,
        ...(before !== null && { before }),
      });
      setPage({ entries: [...more.entries, ...(before === null ? [] : page!.entries)], before: more.before });
      setNote(null);
    } catch (problem) {
      setNote((problem as Error).message);
    }
  };
  const files = page === null ? [] : changedFiles(page.entries, turn);
  return (
    <section class="agent-part">
      <h3 class="muted agent-feed-head">
        Changes
        {page !== null && (
          <>
            <span> · {plural(files.length, "file")}</span>
            <Choice
              label="since when"
              value={turn ? "turn" : "all"}
              options={[
                ["turn", "last turn"],
                ["all", page.before === null ? "session" : `last ${integer(page.entries.length)} entries`],
              ]}
              onChoose={(value) => setTurn(value === "turn")}
            />
          </>
        )}
        <button type="button" class="link" onClick={() => void read(null)}>
          {page === null ? "show" : "again"}
        </button>
        {!turn && page !== null && page.before !== null && (
          <button type="button" class="link" onClick={() => void read(page.before)}>
            earlier
          </button>
        )}
      </h3>
      {note !== null && <p class="muted">{oneLine(note)}</p>}
      {page !== null && files.length === 0 && note === null && (
        <p class="muted">
          {turn ? "No file was changed since the last prompt." : "No file was changed in these entries."}
        </p>
      )}
      <ul class="plain agent-files">
        {files.map(({ path, calls }) => {
          const diffs = calls.flatMap(({ diff }) => diff ?? []);
          return (
            <li key={path}>
              <button
                type="button"
                class="agent-line"
                aria-expanded={open === path}
                title={oneLine(path)}
                onClick={() => setOpen(open === path ? null : path)}
              >
                <span class="line mono agent-path">
                  <bdi>{oneLine(path)}</bdi>
                </span>
                {calls.length > 1 && <span class="muted figures">{integer(calls.length)}×</span>}
                <DiffSize diff={diffs.join("\n")} />
              </button>
              {open === path &&
                (diffs.length === 0 ? (
                  <p class="muted">What was changed in it is not written down.</p>
                ) : (
                  diffs.map((diff, i) => <Diff key={i} diff={diff} />)
                ))}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
