// What a search through everything found: a panel over the view, opened with Enter in the search box.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { bytes, integer, percent } from "../lib/format.ts";
import { finder } from "../lib/search.ts";
import { Found } from "../parts/found.tsx";
import { Time } from "../parts/time.tsx";
import { useApp } from "../state/context.ts";
import type { Everything, Hit, Found as State } from "../state/everything.ts";
import { read, trailTo } from "../state/trail.ts";
import { agentName } from "../store/names.ts";
import { TABLE_OF } from "../store/tables.ts";

export function EverythingPanel({ everything }: { everything: Everything }) {
  const { store, nav } = useApp();
  const list = useRef<HTMLUListElement>(null);
  const found = everything.found.value;
  const pattern = useMemo(() => finder(found?.text ?? ""), [found?.text]);
  useEffect(() => () => everything.pause(), []);
  const close = () => {
    const app = list.current?.closest<HTMLElement>(".app");
    nav.everything.value = false;
    app?.querySelector<HTMLElement>("input.search")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      return close();
    }
    const to = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const all = [...list.current!.querySelectorAll<HTMLElement>(".hit")];
    const at = all.indexOf((list.current!.getRootNode() as ShadowRoot).activeElement as HTMLElement);
    all[Math.max(0, Math.min(all.length - 1, at + to))]?.focus();
  };
  const open = (hit: Hit) => {
    const text = found!.text;
    const trail = hit.position === null ? null : trailTo(store, hit.agent_id ?? "");
    const table = TABLE_OF[hit.place];
    nav.everything.value = false;
    if (trail !== null) {
      nav.target.value = { id: trail.at(-1)!, key: keyOf(hit), position: hit.position! };
      read(nav, trail);
      nav.search.value = text;
    } else if (table !== undefined) nav.open(table, hit.entry);
  };
  return (
    <section class="help everything" role="dialog" aria-label="Found everywhere" onKeyDown={onKeyDown}>
      <header class="details-head">
        <h2 class="line">Everything with “{found?.text ?? ""}”</h2>
        <button type="button" class="button bare" aria-label="Close what was found" onClick={close}>
          ✕
        </button>
      </header>
      {found !== null && <Progress found={found} />}
      <ul ref={list} class="plain hits" aria-label="Hits">
        {found?.hits.map((hit) => (
          <li key={hit.nth}>
            <button type="button" class="hit" onClick={() => open(hit)}>
              <span class="hit-head">
                <strong class="line">{hit.agent_id === null ? "–" : agentName(store, hit.agent_id)}</strong>
                <span class="muted">{hit.place}</span>
                <Time at={hit.at} fits="ago" />
              </span>
              <Found text={hit.snippet} finder={pattern} class="hit-snippet" />
            </button>
          </li>
        ))}
      </ul>
      {found?.state === "enough" && (
        <button type="button" class="button hits-more" onClick={() => void everything.more()}>
          Search on
        </button>
      )}
    </section>
  );
}

/** The key of the entry of a transcript (see `keyOf` in `store/transcript.ts`). */
const keyOf = ({ place, entry }: Hit): string => `${place.startsWith("tool ") ? "tool" : place} ${entry}`;

function Progress({ found }: { found: State }) {
  const { hits, state, bytes: done, total, message } = found;
  const count = `${hits.length === 0 ? "nothing" : integer(hits.length)} found`;
  const far = total > 0 ? `, ${bytes(done)} of ${bytes(total)}` : "";
  const words = {
    running: `searching: ${hits.length === 0 ? "nothing yet" : count}${far}`,
    all: `${count}${total > 0 ? ` in all ${bytes(total)}` : ""}, the newest first`,
    enough: `${count}${far}, the newest first`,
    failed: `the search failed: ${message}`,
  }[state];
  return (
    <p class="hits-state muted figures" role="status">
      {state === "running" && <span class="reading-bar" style={{ width: percent(total === 0 ? 0 : done / total) }} />}
      {words}
    </p>
  );
}
