// One entry of a transcript: what was said, thought, done or planned, or the end of a turn.
import { useState } from "preact/hooks";
import { ago, exactTime, hourMinute, words } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { Clip } from "../../parts/clip.tsx";
import { CopyButton } from "../../parts/copy.tsx";
import { Marked } from "../../parts/highlight.tsx";
import { Markdown } from "../../parts/markdown.tsx";
import { StatusMark } from "../../parts/status.tsx";
import { useApp } from "../../state/context.ts";
import { agentName } from "../../store/names.ts";
import type { Entry, Plan } from "../../store/transcript.ts";
import { ToolCall } from "./tool.tsx";
import { wordsOf } from "./words.ts";

/** A reply is read to its end; what was pasted into a prompt is not. */
const REPLY_LINES = 120;
const PROMPT_LINES = 24;
const ANSWER_LINES = 10;

export interface EntryProps {
  readonly entry: Entry;
  readonly open: boolean;
  readonly whole: boolean;
  readonly onToggle: () => void;
  readonly onChild: (agent: string) => void;
}

export function EntryView(props: EntryProps) {
  const { entry } = props;
  // On the line of a closed call there is nothing to copy, and no room for the button.
  const copies = entry.kind !== "end" && (entry.kind !== "tool" || props.open);
  return (
    <>
      <Time at={entry.at} />
      <div class="entry-content">
        <Content {...props} />
      </div>
      {copies && (
        <CopyButton text={wordsOf(entry)} title="Copy the text of this entry" class="entry-copy">
          copy
        </CopyButton>
      )}
    </>
  );
}

function Time({ at }: { at: number }) {
  const { store } = useApp();
  return (
    <time
      class="entry-time"
      dateTime={new Date(at).toISOString()}
      // How long ago it is then, not when it was drawn.
      onPointerEnter={(event) => {
        event.currentTarget.title = `${exactTime(at)}, ${ago(at, store.now.peek())}`;
      }}
    >
      {hourMinute(at)}
    </time>
  );
}

function Content({ entry, open, whole, onToggle, onChild }: EntryProps) {
  const { store } = useApp();
  switch (entry.kind) {
    case "tool":
      return <ToolCall call={entry} open={open} whole={whole} onToggle={onToggle} onChild={onChild} />;
    case "prompt":
      return (
        <>
          <p class="entry-who">{entry.sender ? agentName(store, entry.sender) : "prompt"}</p>
          <Text text={entry.text} lines={PROMPT_LINES} whole={whole} />
        </>
      );
    case "reply":
      return <Text text={entry.text} lines={REPLY_LINES} whole={whole} />;
    case "answer":
      return (
        <>
          <p class="entry-who with-mark">
            <StatusMark status={entry.failed ? "failed" : "done"} />
            <button type="button" class="link line" onClick={() => entry.sender && onChild(entry.sender)}>
              {entry.sender ? agentName(store, entry.sender) : "an agent"}
            </button>
            <span class="muted">{entry.failed ? "failed" : "reports"}</span>
          </p>
          <Text text={entry.text} lines={ANSWER_LINES} whole={whole} />
        </>
      );
    case "thinking":
      return <Thinking text={entry.text} open={open} onToggle={onToggle} />;
    case "plan":
      return <Todos plan={entry} />;
    case "end":
      return <TurnEnd how={entry.how} text={entry.text} />;
  }
}

function Text({ text, lines, whole }: { text: string | null; lines: number; whole: boolean }) {
  if (!text) return <p class="muted">no text</p>;
  return (
    <Clip text={text} lines={lines} whole={whole}>
      {(shown) => <Markdown text={shown} />}
    </Clip>
  );
}

function Thinking({ text, open, onToggle }: { text: string | null; open: boolean; onToggle: () => void }) {
  if (!text) return <p class="muted">thinking; the model keeps it to itself</p>;
  return (
    <>
      <button type="button" class="thinking-head" aria-expanded={open} onClick={onToggle}>
        thinking
        {!open && (
          <>
            {" "}
            · <Marked text={oneLine(text).slice(0, 300)} />
          </>
        )}
      </button>
      {open && (
        <div class="muted">
          <Markdown text={text} />
        </div>
      )}
    </>
  );
}

/** A change of one step shows that step; a long list begins with what is not done yet. */
function Todos({ plan }: { plan: Plan }) {
  const [all, showAll] = useState(false);
  const done = plan.todos.filter((todo) => todo.status === "completed");
  const folds = plan.todos.length > 8 && done.length > 2 && !all;
  return (
    <ul class="plain todos" aria-label="plan">
      {folds && (
        <li>
          <StatusMark status="completed" />
          <button type="button" class="link muted" onClick={() => showAll(true)}>
            {done.length} steps done
          </button>
        </li>
      )}
      {plan.todos
        .filter((todo) => !folds || todo.status !== "completed")
        .map((todo, i) => (
          <li key={`${todo.id} ${i}`}>
            <StatusMark status={todo.status} />
            <span class={todo.status === "completed" || todo.status === "cancelled" ? "muted" : ""}>
              <Marked text={oneLine(todo.title ?? `step ${todo.id}`)} />
            </span>
          </li>
        ))}
    </ul>
  );
}

const ENDS: Readonly<Record<string, { readonly label: string; readonly status: string | null }>> = {
  done: { label: "end of turn", status: null },
  asked: { label: "ended with a question", status: "waiting" },
  interrupted: { label: "interrupted", status: "cancelled" },
  failed: { label: "failed", status: "failed" },
  closed: { label: "session closed", status: null },
};

function TurnEnd({ how, text }: { how: string | null; text: string | null }) {
  const { label, status } = ENDS[how ?? ""] ?? { label: words(how), status: null };
  return (
    <p class="turn-end">
      {status !== null && <StatusMark status={status} label={label} />}
      <span class="line" title={text ? oneLine(text) : undefined}>
        {text?.startsWith(label) ? oneLine(text) : `${label}${text ? `: ${oneLine(text)}` : ""}`}
      </span>
    </p>
  );
}
