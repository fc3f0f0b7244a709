// Links to the message that a message answers, and to the one that answers it.
import { duration, longDuration } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import { StatusMark } from "../../parts/status.tsx";
import { latencyOf, type Pairs, type Standing } from "../../sequence/pairs.ts";
import { kindOf, nameOf } from "../../sequence/words.ts";
import { useApp } from "../../state/context.ts";
import type { MessagesRow } from "../../store/tables.ts";

interface ThreadProps {
  readonly row: MessagesRow;
  readonly pairs: Pairs;
  readonly standing: Standing;
}

export function Thread({ row, pairs, standing }: ThreadProps) {
  const question = pairs.answered.get(row.id);
  const answer = pairs.answerTo.get(row.id);
  if (question === undefined && answer === undefined && standing === null) return null;
  return (
    <dl class="thread">
      {question !== undefined && <Joined name="answers" to={question} ms={latencyOf(pairs, row)} />}
      {answer !== undefined && <Joined name="answered by" to={answer} ms={latencyOf(pairs, answer)} />}
      {standing !== null && <Still row={row} standing={standing} />}
    </dl>
  );
}

function Joined({ name, to, ms }: { name: string; to: MessagesRow; ms: number | null }) {
  const { store, nav } = useApp();
  return (
    <div class="field">
      <dt>{name}</dt>
      <dd>
        <button type="button" class="link" onClick={() => nav.select("messages", to.id)}>
          {kindOf(to)} of {nameOf(store, to.sender ?? "")}
        </button>{" "}
        <span class="muted figures">after {duration(ms)}</span>
        {to.text !== null && <p class="muted line">{oneLine(to.text)}</p>}
      </dd>
    </div>
  );
}

function Still({ row, standing }: { row: MessagesRow; standing: "waiting" | "working" }) {
  const now = useApp().store.now.value;
  return (
    <div class="field">
      <dt>answer</dt>
      <dd class="with-mark">
        <StatusMark status={standing} />
        <span class={standing === "waiting" ? "ink-waiting" : ""}>
          {standing === "waiting" ? "waits for one" : "in work"}
          {row.at !== null && ` for ${longDuration(now - row.at)}`}
        </span>
      </dd>
    </div>
  );
}
