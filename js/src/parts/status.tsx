// A status as a shape and a colour, so that it can be read without colours too.
import type { JSX } from "preact";
import { words } from "../lib/format.ts";

export type StatusKind = "working" | "waiting" | "idle" | "done" | "failed" | "offline" | "unknown";

/** The statuses of agents, tasks, sessions and tool calls, as the seven shapes. */
const KINDS: Readonly<Record<string, StatusKind>> = {
  working: "working",
  active: "working",
  in_progress: "working",
  running: "working",
  waiting: "waiting",
  blocked: "waiting",
  idle: "idle",
  pending: "idle",
  done: "done",
  completed: "done",
  ended: "done",
  ok: "done",
  failed: "failed",
  error: "failed",
  critical: "failed",
  denied: "failed",
  warning: "waiting",
  offline: "offline",
  cancelled: "offline",
};

export function statusKind(status: string | null): StatusKind {
  return (status !== null && KINDS[status]) || "unknown";
}

/** The CSS variable with the colour of a status. */
export function statusColor(status: string | null): string {
  const kind = statusKind(status);
  return `var(--aw-${kind === "unknown" ? "muted" : kind})`;
}

const SHAPES: Readonly<Record<StatusKind, JSX.Element>> = {
  working: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  waiting: <path d="M6 0.8 11.2 6 6 11.2 0.8 6Z" fill="currentColor" />,
  idle: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.4" />,
  done: <path d="M1.8 6.6 4.7 9.5 10.2 2.6" fill="none" stroke="currentColor" stroke-width="1.8" />,
  failed: <path d="M2.2 2.2 9.8 9.8M9.8 2.2 2.2 9.8" fill="none" stroke="currentColor" stroke-width="1.8" />,
  offline: (
    <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.4" stroke-dasharray="1.6 1.54" />
  ),
  unknown: <circle cx="6" cy="6" r="1.6" fill="currentColor" />,
};

export function StatusMark({ status, label }: { status: string | null; label?: string }) {
  const kind = statusKind(status);
  return (
    <svg class={`mark mark-${kind}`} viewBox="0 0 12 12" width="12" height="12" role="img">
      <title>{label ?? words(status ?? "unknown")}</title>
      {SHAPES[kind]}
    </svg>
  );
}
