// The progress of the first reading of the files.
import { bytes, percent } from "../lib/format.ts";
import type { SourceState } from "../link/protocol.ts";
import { useApp } from "../state/context.ts";

const isRead = ({ state }: SourceState): boolean => state !== "reading";

export function ReadingNotice() {
  const { live } = useApp();
  const reading = !live.sources.value.every(isRead) && live.connection.value.state === "live";
  if (!reading) return null;
  const sum = (of: (source: SourceState) => number | null | undefined) =>
    live.sources.value.reduce((total, source) => total + (of(source) ?? 0), 0);
  const all = sum((source) => source.bytes);
  const done = sum((source) => (isRead(source) ? source.bytes : source.read));
  return (
    <div
      class="reading muted figures"
      role="progressbar"
      aria-label="Reading"
      aria-valuemin={0}
      aria-valuemax={all}
      aria-valuenow={done}
    >
      <span class="reading-bar" style={{ width: percent(all === 0 ? 0 : done / all) }} />
      reading: {bytes(done)} of {bytes(all)}, newest first
    </div>
  );
}
