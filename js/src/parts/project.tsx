// Where somebody works: the project and, if it is not the main one, the worktree.
import { UNKNOWN } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";
import type { AgentsRow, SessionsRow } from "../store/tables.ts";

/** The end of the name comes first, since a cell cuts its end; then the worktree, and the part that tells it from others. */
export function Project({ row }: { row: AgentsRow | SessionsRow }) {
  if (row.project === null) return <span class="muted">{UNKNOWN}</span>;
  const project = oneLine(row.project);
  const worktree = row.worktree === null ? null : oneLine(row.worktree);
  const end = project.slice(0, -1).lastIndexOf("/") + 1;
  const rest = [worktree, project.slice(0, Math.max(0, end - 1))].filter((part) => part !== null && part !== "");
  return (
    <span class="line" title={worktree === null ? project : `${project}, worktree ${worktree}`}>
      {project.slice(end)}
      {rest.length > 0 && <span class="muted"> {rest.join(" · ")}</span>}
    </span>
  );
}
