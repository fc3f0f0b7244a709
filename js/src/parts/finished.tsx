// How many finished subagents are folded away, beside the name of their parent; a click shows or hides them.
import { integer, plural } from "../lib/format.ts";

export interface Fold {
  readonly count: number;
  /** How many of them failed. */
  readonly failed: number;
  readonly open: boolean;
}

interface FinishedProps {
  readonly fold: Fold;
  readonly onToggle: () => void;
  /** In an option of a list, which holds no buttons: there a key does the same. */
  readonly inOption?: boolean;
}

export function FinishedMark({ fold, onToggle, inOption = false }: FinishedProps) {
  const { count, failed, open } = fold;
  const label = `${plural(count, "finished subagent")}${failed > 0 ? `, ${integer(failed)} failed` : ""}`;
  const shared = {
    class: "finished-mark figures",
    title: `${label}: ${open ? "fold" : "show"}`,
    onClick: (event: Event) => {
      event.stopPropagation();
      onToggle();
    },
  };
  const shown = (
    <>
      {open ? "▾" : "▸"}
      {count > failed && ` ${integer(count - failed)} ✓`}
      {failed > 0 && <span class="bad"> {integer(failed)} ✕</span>}
    </>
  );
  if (inOption) return <span {...shared}>{shown}</span>;
  return (
    <button type="button" tabIndex={-1} aria-expanded={open} aria-label={label} {...shared}>
      {shown}
    </button>
  );
}
