// Asks the server for a transcript: its newest page, earlier ones, and what came since. One question at a time
// for what is new and at most two a second, however fast the agent writes.
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Ask } from "../../state/ask.ts";
import type { Nav } from "../../state/nav.ts";
import { keyOf, type Page, type Talk, withEarlier, withLater } from "../../store/transcript.ts";

const FIRST_PAGE = 60;
export const NEXT_PAGE = 120;
const PACE_MS = 500;
/** Going back to an entry: pages as wide as they can be had, so many at most. */
const WIDE_PAGE = 500;
const FAR = 60;
/** Entries stand in the order of the file, which may be off by so much from that of their times. */
const OUT_OF_ORDER_MS = 60_000;

export interface Trouble {
  readonly message: string;
  /** There is none, rather than that it could not be had. */
  readonly none: boolean;
}

export class Feed {
  /** null until the first page is here. */
  readonly talk: ReadonlySignal<Talk | null>;
  readonly trouble: ReadonlySignal<Trouble | null>;
  readonly loadingEarlier: ReadonlySignal<boolean>;
  /** The last entry that was there when the reader left; null: this is the first visit. */
  readonly seen: ReadonlySignal<string | null>;

  readonly #talk = signal<Talk | null>(null);
  readonly #trouble = signal<Trouble | null>(null);
  readonly #loadingEarlier = signal(false);
  readonly #seen = signal<string | null>(null);
  readonly #ask: Ask;
  readonly #session: string;
  #asking = false;
  #again = false;
  #askedAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ask: Ask, session: string) {
    this.#ask = ask;
    this.#session = session;
    this.talk = this.#talk;
    this.trouble = this.#trouble;
    this.loadingEarlier = this.#loadingEarlier;
    this.seen = this.#seen;
  }

  /** Read around a place rather than at the end. */
  async openAt(position: string): Promise<void> {
    this.#asking = true;
    try {
      const page = await this.#page({ after: position, limit: FIRST_PAGE });
      const ahead = page.entries.length >= FIRST_PAGE;
      const talk: Talk = { entries: page.entries, before: position, after: page.after, ahead };
      const earlier = await this.#page({ before: position, limit: FIRST_PAGE });
      this.#talk.value = withEarlier(talk, earlier);
      this.#trouble.value = null;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#asking = false;
    }
  }

  /**
   * Read around an entry of which only the time is known, ms: back from the end, page by page, as far as that.
   * Whether it was found; if not, the end is there.
   */
  async openNear(key: string, at: number | null): Promise<boolean> {
    const has = ({ entries }: Page): boolean => entries.some((entry) => keyOf(entry) === key);
    if (this.#talk.value !== null && has(this.#talk.value)) return true;
    this.#asking = true;
    try {
      const end = await this.#page({ limit: FIRST_PAGE });
      let page = end;
      let place: string | null = null;
      for (let pages = 0; pages < FAR && !has(page) && page.before !== null; pages++) {
        if (at !== null && (page.entries[0]?.at ?? Infinity) < at - OUT_OF_ORDER_MS) break;
        place = page.before;
        page = await this.#page({ before: place, limit: WIDE_PAGE });
      }
      const found = has(page);
      const inside = found && place !== null;
      this.#talk.value = inside ? { entries: page.entries, before: page.before, after: place, ahead: true } : end;
      this.#trouble.value = null;
      return found;
    } catch (error) {
      this.#fail(error);
      return false;
    } finally {
      this.#asking = false;
    }
  }

  /** The page after what is known, where that ends in the middle. */
  async later(): Promise<void> {
    const talk = this.#talk.value;
    if (talk?.ahead !== true || this.#asking) return;
    this.#asking = true;
    try {
      const page = await this.#page({ after: talk.after, limit: NEXT_PAGE });
      const known = this.#talk.value ?? talk;
      this.#talk.value = { ...withLater(known, page), ahead: page.entries.length >= NEXT_PAGE };
      this.#trouble.value = null;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#asking = false;
    }
  }

  /** Forget what was read in the middle, and read the end. */
  newest(): void {
    if (this.#talk.value?.ahead !== true) return;
    this.#talk.value = null;
    this.follow();
  }

  /** Something may be new: ask what, now or as soon as it is time. */
  readonly follow = (): void => {
    if (this.#talk.value?.ahead === true) return;
    if (this.#asking) {
      this.#again = true;
      return;
    }
    const wait = this.#askedAt + PACE_MS - performance.now();
    if (wait <= 0) void this.#askLater();
    else this.#timer ??= setTimeout(this.#onTime, wait);
  };

  /** The page before what is known. */
  async earlier(limit = NEXT_PAGE): Promise<void> {
    const before = this.#talk.value?.before ?? null;
    if (before === null || this.#loadingEarlier.value) return;
    this.#loadingEarlier.value = true;
    try {
      const page = await this.#page({ before, limit });
      const talk = this.#talk.value;
      // Meanwhile the conversation may have begun anew: then this page is not the one before it.
      if (talk?.before === before) this.#talk.value = withEarlier(talk, page);
      this.#trouble.value = null;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#loadingEarlier.value = false;
    }
  }

  /** The reader looks elsewhere: what comes from here on is new when they are back. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#again = false;
    const last = this.#talk.value?.entries.at(-1);
    if (last !== undefined) this.#seen.value = keyOf(last);
  }

  readonly #onTime = (): void => {
    this.#timer = undefined;
    this.follow();
  };

  async #askLater(): Promise<void> {
    this.#asking = true;
    this.#askedAt = performance.now();
    try {
      const talk = this.#talk.value;
      const known = talk?.after ?? null;
      if (talk === null || known === null) this.#talk.value = await this.#page({ limit: FIRST_PAGE });
      else {
        const page = await this.#page({ after: known });
        this.#talk.value = withLater(this.#talk.value ?? talk, page);
      }
      this.#trouble.value = null;
    } catch (error) {
      // The place is gone, as when the file was written anew: begin with the newest page.
      if (codeOf(error) === "bad_request" && this.#talk.value !== null) {
        this.#talk.value = { ...this.#talk.value, after: null };
        this.#again = true;
      } else this.#fail(error);
    } finally {
      this.#asking = false;
      if (this.#again) {
        this.#again = false;
        this.follow();
      }
    }
  }

  #page(params: Readonly<Record<string, unknown>>): Promise<Page> {
    return this.#ask<Page>("transcript", { session: this.#session, ...params });
  }

  #fail(error: unknown): void {
    this.#trouble.value = {
      message: error instanceof Error ? error.message : String(error),
      none: codeOf(error) === "not_found",
    };
  }
}

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code;

/** Maximum transcripts kept, to be there at once when the reader comes back. */
const KEPT = 8;

const kept = new WeakMap<Nav, Map<string, Feed>>();

/** The feed of a conversation, of one mounted view. */
export function feedOf(nav: Nav, ask: Ask, session: string): Feed {
  let feeds = kept.get(nav);
  if (feeds === undefined) kept.set(nav, (feeds = new Map()));
  const feed = feeds.get(session) ?? new Feed(ask, session);
  feeds.delete(session);
  feeds.set(session, feed);
  if (feeds.size > KEPT) feeds.delete(feeds.keys().next().value!);
  return feed;
}
