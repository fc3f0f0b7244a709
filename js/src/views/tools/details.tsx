// The first of a call's details: its error, input and output.
import { givenArguments } from "../../lib/call-text.ts";
import { bytes, exactTime, words } from "../../lib/format.ts";
import { Section } from "../../parts/section.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Prose } from "../../parts/text.tsx";
import { TranscriptLink } from "../../parts/transcript-link.tsx";
import { useApp } from "../../state/context.ts";
import type { ToolCallsRow } from "../../store/tables.ts";
import { Lasting } from "./columns.tsx";

/** The fields that `CallDetails` shows. */
export const CALL_FIELDS = ["name", "status", "duration_ms", "input", "output", "error", "input_bytes", "output_bytes"];

export function CallDetails({ row }: { row: ToolCallsRow }) {
  const { store } = useApp();
  return (
    <>
      <p class="details-lead">
        <StatusMark status={row.status} />
        <span>{words(row.status)}</span>
        <span class="muted figures" title={exactTime(row.at)}>
          <Lasting row={row} now={store.now.value} />
        </span>
        {row.agent_id !== null && <TranscriptLink agent={row.agent_id} call={row} />}
      </p>
      {row.error !== null && (
        <Section title="error">
          <Prose class="mono bad" text={row.error} />
        </Section>
      )}
      <Preview title="input" text={row.input} size={row.input_bytes} />
      <Preview title="output" text={row.output} size={row.output_bytes} />
    </>
  );
}

function Preview({ title, text, size }: { title: string; text: string | null; size: number | null }) {
  if (text === null && size === null) return null;
  const cut = text?.endsWith("…") ?? false;
  return (
    <Section title={title} aside={[size !== null && bytes(size), cut && "the beginning"].filter(Boolean).join(" · ")}>
      {text !== null ? (
        <Prose class="mono" text={pretty(text)} />
      ) : (
        <p class="muted">Its text is not in the agent's files.</p>
      )}
    </Section>
  );
}

/** JSON with an argument to a line and its texts as they were meant, also if it was cut; anything else as it is. */
function pretty(text: string): string {
  let whole: Record<string, unknown>;
  try {
    whole = JSON.parse(text) as Record<string, unknown>;
  } catch {
    const found = givenArguments(text);
    return found.size === 0 ? text : Array.from(found, ([name, value]) => `${name}: ${value}`).join("\n");
  }
  if (typeof whole !== "object" || whole === null || Array.isArray(whole)) return text;
  return Object.entries(whole)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("\n");
}
