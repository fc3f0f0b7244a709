// A log line whole, with what was logged just before and after it, whatever the filters let pass.
import { useMemo } from "preact/hooks";
import { exactTime } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { CopyButton } from "../../parts/copy.tsx";
import { Section } from "../../parts/section.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { Prose } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import { useApp } from "../../state/context.ts";
import { agentName } from "../../store/names.ts";
import type { LogsRow } from "../../store/tables.ts";

/** The fields that `LineDetails` shows. */
export const LINE_FIELDS = ["text", "at", "level"];

/** Lines of context on either side. */
const AROUND = 10;

const PREVIEW_CHARS = 500;

interface LineDetailsProps {
  readonly row: LogsRow;
  /** All lines in the order of time. */
  readonly lines: readonly LogsRow[];
}

export function LineDetails({ row, lines }: LineDetailsProps) {
  const text = row.text ?? "";
  return (
    <>
      <p class="details-lead">
        <StatusMark status={row.level} label={row.level ?? "unknown level"} />
        <span>{row.level ?? "unknown level"}</span>
        <span class="muted figures">{exactTime(row.at)}</span>
        <span class="log-copy">
          <CopyButton text={`${exactTime(row.at)} ${row.level ?? ""} ${row.logger ?? ""} ${text}`}>
            Copy line
          </CopyButton>
        </span>
      </p>
      <Prose class="mono log-whole" text={text} />
      {text.length >= PREVIEW_CHARS && <p class="muted">The first {PREVIEW_CHARS} characters of the line.</p>}
      <Context row={row} lines={lines} />
    </>
  );
}

function Context({ row, lines }: LineDetailsProps) {
  const { store, nav } = useApp();
  const around = useMemo(() => {
    const at = lines.findIndex(({ id }) => id === row.id);
    return at < 0 ? [] : lines.slice(Math.max(0, at - AROUND), at + AROUND + 1);
  }, [lines, row.id]);
  if (around.length < 2) return null;
  return (
    <Section title="around it" aside="of all lines">
      <ol class="log-context mono">
        {around.map((line) => (
          <li key={line.id} aria-current={line.id === row.id}>
            <StatusMark status={line.level} label={line.level ?? "unknown level"} />
            <Time at={line.at} fits="clock" />
            <button
              type="button"
              class="link line"
              title={[line.agent_id && agentName(store, line.agent_id), line.logger, oneLine(line.text ?? "")]
                .filter(Boolean)
                .join(" · ")}
              onClick={() => nav.select("logs", line.id)}
            >
              {oneLine(line.text ?? "")}
            </button>
          </li>
        ))}
      </ol>
    </Section>
  );
}
