// A tool call: one dense line that opens to what it was given, what it changed and what came of it.
import type { ComponentChildren } from "preact";
import { duration, longDuration, plural, words } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { Mono } from "../../parts/clip.tsx";
import { Diff, DiffSize } from "../../parts/diff.tsx";
import { Marked } from "../../parts/highlight.tsx";
import { Markdown } from "../../parts/markdown.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { useApp } from "../../state/context.ts";
import { agentName } from "../../store/names.ts";
import type { Tool } from "../../store/transcript.ts";
import { stretch, tally } from "./items.ts";
import { gist, given, purpose, textOf, toolName, toolServer } from "./words.ts";

/** A command that is no longer fits its line, in nearly any width. */
const GIST_CHARS = 40;

interface ToolCallProps {
  readonly call: Tool;
  readonly open: boolean;
  /** What is searched for is in it: nothing of it is left out. */
  readonly whole: boolean;
  readonly onToggle: () => void;
  readonly onChild: (agent: string) => void;
}

export function ToolCall({ call, open, whole, onToggle, onChild }: ToolCallProps) {
  const { store } = useApp();
  const server = toolServer(call);
  const about = oneLine(gist(call));
  const odd = call.status === "denied" || call.status === "cancelled" ? words(call.status) : null;
  return (
    <div class="call">
      <div class="call-line">
        <button type="button" class="call-head" aria-expanded={open} onClick={onToggle}>
          <StatusMark status={call.status} />
          <span
            class="call-name"
            title={server === null ? oneLine(call.name ?? "") : `${toolName(call)} of ${oneLine(server)}`}
          >
            <Marked text={oneLine(toolName(call))} />
          </span>
          <span class="call-gist mono" title={about}>
            <Marked text={about} />
          </span>
          {odd !== null && <span class="muted">{odd}</span>}
          {call.diff !== null && <DiffSize diff={call.diff} />}
          <span class="call-time figures muted">
            {call.status === "running" ? <Elapsed since={call.at} /> : duration(call.duration_ms)}
          </span>
        </button>
        {call.child !== null && (
          <button
            type="button"
            class="button call-child"
            title="What it did: its own transcript"
            onClick={() => onChild(call.child!)}
          >
            {agentName(store, call.child)} →
          </button>
        )}
      </div>
      {call.asks ? <Markdown text={textOf(call.asks)} /> : null}
      {open && <CallBody call={call} whole={whole} />}
    </div>
  );
}

function CallBody({ call, whole }: { call: Tool; whole: boolean }) {
  const error = textOf(call.error);
  const output = textOf(call.output);
  const input = given(call, whole);
  const what = oneLine(purpose(call));
  // The line above has it already.
  const shown = input.length <= GIST_CHARS && input === gist(call);
  return (
    <div class="call-body">
      {what !== "" && (
        <p class="muted">
          <Marked text={what} />
        </p>
      )}
      {call.diff !== null ? (
        <Section name="change">
          <Diff diff={call.diff} whole={whole} />
        </Section>
      ) : (
        !shown && (
          <Section name="input">
            <Mono text={input || "nothing"} whole={whole} />
          </Section>
        )
      )}
      {error !== "" && (
        <Section name={call.status === "denied" ? "denied" : "error"} bad>
          <Mono text={error} whole={whole} />
        </Section>
      )}
      {output !== "" && output !== error && (
        <Section name="output">
          <Mono text={output} whole={whole} />
        </Section>
      )}
      {output === "" && error === "" && (
        <p class="muted">{call.status === "running" ? "no result yet" : "no output"}</p>
      )}
    </div>
  );
}

function Section({ name, bad = false, children }: { name: string; bad?: boolean; children: ComponentChildren }) {
  return (
    <section class="call-part">
      <h3 class={bad ? "bad" : "muted"}>{name}</h3>
      <div>{children}</div>
    </section>
  );
}

/** A call that has not returned after this will not. */
const GIVEN_UP_MS = 86_400_000;

/** How long it goes on already. */
function Elapsed({ since }: { since: number }) {
  const { store } = useApp();
  const ms = store.now.value - since;
  return <>{ms > GIVEN_UP_MS ? "no result" : longDuration(ms)}</>;
}

interface CallsProps {
  readonly calls: readonly Tool[];
  readonly open: boolean;
  readonly onToggle: () => void;
}

/** A run of calls that went well, on one line. */
export function Calls({ calls, open, onToggle }: CallsProps) {
  const names = oneLine(tally(calls, toolName));
  return (
    <button type="button" class="call-head calls" aria-expanded={open} onClick={onToggle}>
      <span class="calls-sign" aria-hidden="true">
        {open ? "▾" : "▸"}
      </span>
      <span class="call-name">{plural(calls.length, "tool call")}</span>
      <span class="line muted" title={names}>
        {names}
      </span>
      <span class="call-time figures muted" title="from the first call to the last result">
        {duration(stretch(calls))}
      </span>
    </button>
  );
}
