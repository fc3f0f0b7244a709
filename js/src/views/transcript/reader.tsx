// The list of entries: begins at its end, reads earlier pages when one scrolls up, follows what is written.

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import { exactTime, integer } from "../../lib/format.ts";
import { finder } from "../../lib/search.ts";
import { Highlight } from "../../parts/highlight.tsx";
import type { Ask } from "../../state/ask.ts";
import { useApp } from "../../state/context.ts";
import { asOf, countAfter, type Entry, keyOf } from "../../store/transcript.ts";
import { NEXT_PAGE } from "./feed.ts";
import { useFeed } from "./follow.ts";
import { ItemView } from "./item.tsx";
import { arrange, type Item, isError, type Only } from "./items.ts";
import { useScroll } from "./scroll.ts";
import { type Search, useSearch } from "./search.ts";

/** Items in the page to begin with, and added with each step up: a long transcript stays light. */
const STEP = 150;

/** Maximum pages read ahead when few of their entries are shown. */
const PATIENCE = 30;
const NONE: readonly Entry[] = [];

interface ReaderProps {
  /** The session or the agent. */
  readonly id: string;
  readonly agent: string;
  readonly ask: Ask;
  readonly only: Only;
  /** Whether another agent began this one. */
  readonly begun: boolean;
  readonly onChild: (agent: string) => void;
  readonly children: (hits: ComponentChildren) => ComponentChildren;
}

export function Reader({ id, agent, ask, only, begun, onChild, children }: ReaderProps) {
  const { store, nav } = useApp();
  const feed = useFeed(ask, id, agent);
  const talk = feed.talk.value;
  const trouble = feed.trouble.value;
  const seen = feed.seen.value;
  const search = nav.search.value;
  const scroller = useRef<HTMLDivElement>(null);
  const flags = useRef(new Map<string, boolean>());
  const [turned, turn] = useReducer((n: number) => n + 1, 0);
  const [held, setHeld] = useState(STEP);
  const read = useRef(0);

  const all = talk?.entries ?? NONE;
  // Only in the past is the moment of interest: in the present nothing here changes with the clock.
  const moment = store.past ? store.now.value : null;
  const entries = useMemo(() => (moment === null ? all : asOf(all, moment)), [all, moment]);
  const later = all.length - entries.length;
  const before = talk?.before ?? null;
  /** A saved page holds one page of a transcript, and nobody else can be asked. */
  const saved = store.connection.peek().state === "saved";
  const hasEarlier = before !== null && !saved;

  const more = {
    left: hasEarlier && trouble === null,
    busy: feed.loadingEarlier.value,
    read: () => void feed.earlier(4 * NEXT_PAGE),
  };
  const found = useSearch(search, entries, scroller, more, (key) => {
    const at = items.findIndex((item) => item.key === key);
    if (at >= 0) setHeld((old) => Math.max(old, items.length - at + STEP));
    scroll.to(key);
  });
  const open = (entry: Entry) => flags.current.get(keyOf(entry)) ?? (isError(entry) || keyOf(entry) === found.current);
  const items = useMemo(
    () =>
      arrange(entries, {
        only,
        seen,
        unfolded: (entry) => {
          const key = keyOf(entry);
          return flags.current.get(`run ${key}`) ?? (found.isHit(entry) || flags.current.get(key) === true);
        },
      }),
    [entries, only, seen, turned, found.isHit],
  );
  const target = nav.target.value?.id === id ? nav.target.value : null;
  useEffect(() => {
    if (target === null) return;
    if (target.position !== null) void feed.openAt(target.position);
    else {
      void feed.openNear(target.key, target.at ?? null).then((found) => {
        if (!found && nav.target.value === target) nav.target.value = null;
      });
    }
  }, [feed, target]);
  const there = target !== null && items.some((item) => item.key === target.key);
  useEffect(() => {
    if (!there) return;
    nav.target.value = null;
    found.show(target.key);
  }, [there]);
  const shown = items.slice(Math.max(0, items.length - held));

  const scroll = useScroll(scroller, () => {
    if (shown.length < items.length) setHeld(held + STEP);
    else if (hasEarlier && trouble === null && read.current < PATIENCE) {
      read.current++;
      void feed.earlier(only === "all" && later === 0 ? NEXT_PAGE : 4 * NEXT_PAGE);
    }
  });
  /** The last entry the reader has had before their eyes. */
  const last = useRef<string | null>(null);
  if (scroll.atEnd && entries.length > 0) last.current = keyOf(entries.at(-1)!);
  const news = scroll.atEnd ? 0 : countAfter(entries, last.current);
  const earlier = () => {
    read.current = 0;
    void feed.earlier(4 * NEXT_PAGE);
  };
  const flip = (keys: readonly string[], value: boolean) => {
    scroll.hold();
    for (const key of keys) flags.current.set(key, value);
    turn(0);
  };
  const toggle = (item: Item) => {
    if (item.kind === "calls")
      flip(
        item.calls.map((call) => `run ${keyOf(call)}`),
        !item.open,
      );
    else if (item.kind === "entry") flip([item.key], !open(item.entry));
  };

  const pattern = useMemo(() => finder(search), [search]);
  const list = useMemo(
    () =>
      shown.map((item) => (
        <ItemView
          key={item.key}
          item={item}
          open={item.kind === "entry" && open(item.entry)}
          current={item.key === found.current}
          onToggle={() => toggle(item)}
          onChild={onChild}
        />
      )),
    [items, shown.length, found.current, pattern],
  );
  const hits = search.trim() !== "" && (
    <span class="transcript-hits figures">
      <span class="muted">
        {found.seeking
          ? "looking further back…"
          : hitsText(found, before === null && !talk?.ahead ? null : entries.length, talk?.ahead === true)}
      </span>
      <button
        type="button"
        class="button bare"
        aria-label="The one before"
        disabled={found.hits.length === 0 && !more.left}
        onClick={() => found.step(-1)}
      >
        ↑
      </button>
      <button
        type="button"
        class="button bare"
        aria-label="The next one"
        disabled={found.hits.length === 0}
        onClick={() => found.step(1)}
      >
        ↓
      </button>
    </span>
  );
  return (
    <Highlight.Provider value={pattern}>
      {children(hits)}
      {moment !== null && talk !== null && (
        <p class="transcript-note muted">
          As of {exactTime(moment).slice(0, -4)}
          {later > 0 && `; ${integer(later)} later ${later === 1 ? "entry is" : "entries are"} hidden`}.
        </p>
      )}
      {trouble !== null && (
        <Trouble message={trouble.message} none={trouble.none || saved} begun={begun} retry={feed.follow} />
      )}
      <div class="transcript-body">
        <div
          ref={scroller}
          class="transcript-scroller"
          tabIndex={0}
          role="region"
          aria-label="Entries"
          onScroll={scroll.onScroll}
          onClickCapture={(event) => (event.target as Element).closest("button") && scroll.hold()}
        >
          {talk !== null && (
            <p class="transcript-edge muted">
              {before === null ? (
                entries.length === 0 ? (
                  "Nothing was written yet."
                ) : (
                  "The beginning."
                )
              ) : saved ? (
                "Earlier entries were not saved with this page."
              ) : (
                <button type="button" class="link" onClick={earlier}>
                  {feed.loadingEarlier.value ? "reading earlier entries…" : "earlier entries"}
                </button>
              )}
            </p>
          )}
          {talk === null && trouble === null && <p class="transcript-edge muted">reading…</p>}
          {talk !== null && before === null && entries.length > 0 && items.length === 0 && (
            <p class="transcript-edge">None of its entries is among {only}.</p>
          )}
          <ol class="entries" aria-label="Transcript">
            {list}
          </ol>
          {talk?.ahead === true && (
            <p class="transcript-edge muted">
              <button type="button" class="link" onClick={() => void feed.later()}>
                later entries
              </button>
            </p>
          )}
        </div>
        {!scroll.atEnd && (
          <button type="button" class="button waiting at-end" onClick={() => (feed.newest(), scroll.toEnd())}>
            {news > 0 ? `${integer(news)} new` : "to the newest"} ↓
          </button>
        )}
      </div>
    </Highlight.Provider>
  );
}

/** `among`: how many of the newest entries were looked through; null: all there are. */
function hitsText({ hits, current }: Search, among: number | null, ahead: boolean): string {
  const place = current === null ? "" : `${integer(hits.indexOf(current) + 1)} of `;
  const count = hits.length === 0 ? "not found" : `${place}${integer(hits.length)} found`;
  return among === null ? count : `${count} in ${ahead ? "these" : "the last"} ${integer(among)}`;
}

interface TroubleProps {
  readonly message: string;
  readonly none: boolean;
  readonly begun: boolean;
  readonly retry: () => void;
}

function Trouble({ message, none, begun, retry }: TroubleProps) {
  return (
    <p class="transcript-note" role="status">
      {none ? "No transcript: " : "The transcript could not be read: "}
      {message}.
      {none && begun && " What it was asked and what it reported stands in the transcript of the one that began it."}{" "}
      {!none && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </p>
  );
}
