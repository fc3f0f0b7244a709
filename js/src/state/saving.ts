// The dashboard as one file, as `dash.save` writes it (`agent_widget/notebook/export.py`): the server gives the page
// without rows, and what this browser holds is put into it. So no message holds more than one conversation.
import type { Store } from "../store/store.ts";
import { TABLE_NAMES } from "../store/tables.ts";
import type { Ask } from "./ask.ts";

/** The page before and after the place of its data, and how much of the conversations belongs in it. */
interface Frame {
  readonly parts: readonly [before: string, after: string];
  readonly transcripts: number;
  readonly entries: number;
  readonly chars: number;
}

interface Extract {
  readonly entries: readonly unknown[];
}

/** The file; `progress` is told how many conversations are in it so far. */
export async function savedPage(ask: Ask, live: Store, progress: (n: number) => void): Promise<string> {
  const frame = await ask<Frame>("page", {});
  const rows = Object.fromEntries(TABLE_NAMES.map((name) => [name, [...live.tables[name].rows.values()]]));
  const welcome = {
    now: Math.round(live.clock()),
    sources: live.sources.value,
    hosts: live.hosts.value,
    rows: live.counts.value,
  };
  const transcripts = await newest(ask, live, frame, progress);
  const data = JSON.stringify({ welcome, changes: [{ rows, gone: {} }], transcripts });
  // no text in it can end the element
  return `${frame.parts[0]}${data.replaceAll("<", "\\u003c")}${frame.parts[1]}`;
}

/** Of the sessions that changed last, the newest entries, if there are any. */
async function newest(ask: Ask, live: Store, frame: Frame, progress: (n: number) => void) {
  const sessions = [...live.tables.sessions.rows.values()];
  sessions.sort((a, b) => (b.updated_at ?? 0) - (a.updated_at ?? 0));
  const found: Record<string, unknown> = {};
  let count = 0;
  for (const { id } of sessions) {
    if (count >= frame.transcripts) break;
    const { entries } = await read(ask, id, frame);
    if (entries.length === 0) continue;
    found[id] = { entries, before: null, after: null };
    progress(++count);
  }
  return found;
}

/** A session without a transcript has none to save; any other failure ends the saving. */
async function read(ask: Ask, session: string, { entries, chars }: Frame): Promise<Extract> {
  try {
    return await ask<Extract>("transcript", { session, limit: entries, chars });
  } catch (problem) {
    if ((problem as { code?: string }).code === "not_found") return { entries: [] };
    throw problem;
  }
}
