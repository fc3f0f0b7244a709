// A part of a whole as a thin bar.

export function Bar({ part, color = "var(--aw-accent)" }: { part: number; color?: string }) {
  const width = `${Math.round(Math.min(1, Math.max(0, part)) * 100)}%`;
  return (
    <span class="bar" aria-hidden="true">
      <span style={{ width, background: color }} />
    </span>
  );
}
