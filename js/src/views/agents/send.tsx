// A message to an agent, where there is an inbox for it.
import { useRef, useState } from "preact/hooks";
import { oneLine } from "../../lib/text.ts";
import { ChangeError, useChange } from "../../parts/change.tsx";
import { useApp } from "../../state/context.ts";
import { agentName } from "../../store/names.ts";
import type { AgentsRow } from "../../store/tables.ts";

export function SendMessage({ row }: { row: AgentsRow }) {
  const { store, changes } = useApp();
  const change = useChange();
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  const name = oneLine(agentName(store, row.id));
  const send = async () => {
    if (text.trim() === "" || change.busy) return;
    const made = await change.run(() => changes.make("message.send", { to: row.id, text: text.trim() }));
    if (!made) return;
    setText("");
    changes.say(`Sent to ${name}`);
    field.current?.focus();
  };
  return (
    <form
      class="change-form agent-send"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        ref={field}
        class="change-input"
        aria-label={`Message to ${name}`}
        placeholder={`Message to ${name}`}
        rows={1}
        value={text}
        disabled={change.busy}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          void send();
        }}
      />
      {text.trim() !== "" && (
        <div class="change-buttons">
          <button type="submit" class="button primary" disabled={change.busy}>
            {change.busy ? "sending…" : "Send"}
          </button>
          <span class="muted">Ctrl+Enter</span>
        </div>
      )}
      <ChangeError of={change} />
    </form>
  );
}
