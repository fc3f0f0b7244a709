// Marks a message as read, where its file has a place for it.
import { ChangeError, useActions, useChange } from "../../parts/change.tsx";
import { useApp } from "../../state/context.ts";
import type { MessagesRow } from "../../store/tables.ts";

export function MarkRead({ row }: { row: MessagesRow }) {
  const { changes } = useApp();
  const change = useChange();
  const { writes } = useActions("messages", row, String(row.read));
  if (writes["message.read"] === undefined || row.read === true) return null;
  const mark = () => change.run(() => changes.make("message.read", { id: row.id }));
  return (
    <div class="change-form mark-read">
      <div class="change-buttons">
        <button type="button" class="button" disabled={change.busy} onClick={() => void mark()}>
          {change.busy ? "saving…" : "Mark read"}
        </button>
      </div>
      <ChangeError of={change} />
    </div>
  );
}
