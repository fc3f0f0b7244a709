// What every place shares where something is changed: what can be done, and one change on its way.
import { useEffect, useRef, useState } from "preact/hooks";
import { visible } from "../lib/text.ts";
import { type Actions, rootOf } from "../state/changes.ts";
import { useApp } from "../state/context.ts";
import type { TableName } from "../store/tables.ts";

const NOTHING: Actions = { writes: {}, resume: null };

interface Of {
  readonly id: string;
  readonly source: string | null;
}

/** What can be done with a row; nothing in a saved page, in the past, or while nobody answers. */
export function useActions(table: TableName, row: Of, stamp = ""): Actions {
  const { store, live, changes } = useApp();
  const root = rootOf(live.sources.value, row);
  const able = root !== null && ((root.writes?.length ?? 0) > 0 || root.resumes === true);
  const asks = able && store === live && changes.open;
  const [known, know] = useState<{ readonly id: string; readonly actions: Actions } | null>(null);
  useEffect(() => {
    if (!asks) return;
    let gone = false;
    changes.actions(table, row.id, `${stamp} ${root?.writes?.join()}`).then(
      (actions) => gone || know({ id: row.id, actions }),
      () => {}, // the row has gone, or nobody answers: then nothing is offered
    );
    return () => {
      gone = true;
    };
  }, [asks, changes, table, row.id, stamp, root?.writes?.join()]);
  return asks && known?.id === row.id ? known.actions : NOTHING;
}

export interface OneChange {
  readonly busy: boolean;
  readonly error: string | null;
  /** Run it; true when it was made. */
  readonly run: (work: () => Promise<unknown>) => Promise<boolean>;
}

/** One change at a time, and what went wrong with the last. */
export function useChange(): OneChange {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const there = useRef(true);
  useEffect(() => () => void (there.current = false), []);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setError(null);
    let made = false;
    try {
      await work();
      made = true;
    } catch (problem) {
      if (there.current) setError((problem as Error).message);
    }
    if (there.current) setBusy(false);
    return made;
  };
  return { busy, error, run };
}

/** What went wrong, where it was tried. */
export function ChangeError({ of }: { of: OneChange }) {
  return of.error === null ? null : (
    <p class="change-error" role="alert">
      {visible(of.error)}
    </p>
  );
}

interface ChoiceProps {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, name: string])[];
  /** Make it so; resolves when the row has come back. */
  readonly onChoose: (value: string) => Promise<unknown>;
}

/** A field with a choice: what is chosen shows as pending until the row says so. */
export function Choice({ id, label, value, options, onChoose }: ChoiceProps) {
  const change = useChange();
  const [wanted, want] = useState<string | null>(null);
  const select = useRef<HTMLSelectElement>(null);
  const choose = async (next: string) => {
    want(next);
    await change.run(() => onChoose(next));
    want(null);
    select.current?.focus();
  };
  return (
    <>
      <label for={id}>{label}</label>
      <div class="change-value">
        <select
          ref={select}
          id={id}
          class="change-input"
          value={wanted ?? value}
          disabled={change.busy}
          onChange={(event) => void choose(event.currentTarget.value)}
        >
          {options.map(([option, name]) => (
            <option key={option} value={option}>
              {name}
            </option>
          ))}
        </select>
        {change.busy && (
          <span class="change-pending" role="status">
            saving…
          </span>
        )}
      </div>
      {change.error !== null && <span />}
      <ChangeError of={change} />
    </>
  );
}
