// Where somebody works: the project and, if it is not the main one, the worktree.
import { oneLine } from "../lib/text.ts";
import type { AgentsRow, SessionsRow } from "../store/tables.ts";

export function Project({ row }: { row: AgentsRow | SessionsRow }) {
  if (row.project === null) return null;
  const { project, worktree } = row;
  const about = worktree === null ? project : `${project}, worktree ${worktree}`;
  return (
    <span class="line" title={oneLine(about)}>
      {oneLine(project)}
      {worktree !== null && <span class="muted"> {oneLine(worktree)}</span>}
    </span>
  );
}
