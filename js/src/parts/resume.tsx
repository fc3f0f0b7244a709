// The command that goes on with a session in a terminal: for what cannot be done from here.
import { useState } from "preact/hooks";
import { visible } from "../lib/text.ts";
import { rootOf } from "../state/changes.ts";
import { useApp } from "../state/context.ts";
import type { TableName } from "../store/tables.ts";
import { CopyButton, copy } from "./copy.tsx";
import { Icon } from "./icons.tsx";

const SAID_MS = 1_500;

/** The command itself, in the details. */
export function Resume({ command, runs }: { command: string | null; runs: boolean }) {
  if (command === null) return null;
  return (
    <section class="resume" aria-label="Go on in a terminal">
      <p class="muted">Go on in a terminal</p>
      <div class="resume-line">
        <code class="mono">{visible(command)}</code>
        <CopyButton text={command} title="Copy the command that goes on with this session in a terminal">
          Copy
        </CopyButton>
      </div>
      {runs && <p class="muted">If it still runs in a terminal, answer it there: two processes mix their lines.</p>}
    </section>
  );
}

interface ResumeButtonProps {
  readonly table: TableName;
  readonly row: { readonly id: string; readonly source: string | null };
  readonly name: string;
}

/** A button that asks for the command and copies it; none where there is no such command. */
export function ResumeButton({ table, row, name }: ResumeButtonProps) {
  const { store, live, changes } = useApp();
  const [note, setNote] = useState<string | null>(null);
  if (rootOf(live.sources.value, row)?.resumes !== true || store !== live || !changes.open) return null;
  const onClick = async (event: MouseEvent) => {
    const button = event.currentTarget as HTMLElement;
    let said = "no command";
    try {
      const { resume } = await changes.actions(table, row.id, "resume");
      if (resume !== null) said = (await copy(visible(resume), button)) ? "copied" : resume;
    } catch (problem) {
      said = (problem as Error).message;
    }
    setNote(said);
    button.focus();
    setTimeout(() => setNote(null), said === "copied" ? SAID_MS : 4 * SAID_MS);
  };
  return (
    <button
      type="button"
      class="button copy tool"
      title={`Copy the command that goes on with ${name} in a terminal`}
      aria-label={note ?? `Resume: copy the command that goes on with ${name} in a terminal`}
      onClick={(event) => void onClick(event)}
    >
      <Icon name="copy" />
      {note !== null ? <span>{visible(note)}</span> : <span class="tool-word">Resume</span>}
    </button>
  );
}
