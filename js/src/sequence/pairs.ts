// Which message answers which: a result the delegation, a reply the prompt, a prompt the question. Paired only where
// the rows show it (ids, tasks, sender and recipient in one session); what is ambiguous is joined to nothing.
import { append } from "../lib/ordered.ts";
import type { Message } from "../store/events.ts";

export interface Pairs {
  /** The id of what was asked → its answer. */
  readonly answerTo: ReadonlyMap<string, Message>;
  /** The id of an answer → what it answers. */
  readonly answered: ReadonlyMap<string, Message>;
  /** What may still be answered: nothing that came later has taken its place. */
  readonly open: ReadonlySet<string>;
}

const DELEGATION = new Set(["delegate", "task", "task_assignment", "task_assigned"]);
const COMPLETION = new Set(["result", "task_completed", "error"]);
const OFFER = new Set(["task_available", "task_spawned"]);
const CLAIM = "task_claim";
const QUESTION = new Set(["prompt", "ask", "question"]);
const SPEECH = new Set([...QUESTION, "reply", "answer"]);
const REQUEST = /^(.+)_request$/;
const RESPONSE = /^(.+)_(?:response|approved|rejected)$/;

/** Gives somebody work to do, which takes the time until it is answered. */
export function isWork(message: Message): boolean {
  const kind = message.kind ?? "";
  return DELEGATION.has(kind) || kind === CLAIM || kind === "prompt" || kind === "direct";
}

/** Somebody stands still until this is answered. */
function isAsk(message: Message): boolean {
  const kind = message.kind ?? "";
  return kind === "ask" || kind === "question" || REQUEST.test(kind) || isNoteToPeople(message);
}

/** What a workspace calls "user" goes to a board that people and agents both write on. */
const isNoteToPeople = (message: Message): boolean => message.kind === "user" && /\?\s*$/.test(message.text ?? "");

/** `messages` in the order of time; `isPerson`: whether a sender or recipient is a person. */
export function pairUp(messages: readonly Message[], isPerson: (id: string) => boolean): Pairs {
  const answerTo = new Map<string, Message>();
  const answered = new Map<string, Message>();
  const open = new Set<string>();
  const works = new Queues();
  const tasks = new Queues();
  const talks = new Map<string, Message>();
  const offers = new Map<string, Message>();
  const claims = new Map<string, Message>();
  let notes: Message[] = [];

  const join = (question: Message | undefined, answer: Message): void => {
    if (question === undefined) return;
    open.delete(question.id);
    answerTo.set(question.id, answer);
    answered.set(answer.id, question);
  };
  const close = (question: Message | undefined): void => {
    if (question !== undefined) open.delete(question.id);
  };
  const isOpen = (question: Message): boolean => !answerTo.has(question.id);

  for (const message of messages) {
    const { id, kind, sender, recipient, task_id, session_id } = message;
    if (kind === null || sender === null || recipient === null) continue;
    const there = `${sender}\n${recipient}`;
    const back = `${recipient}\n${sender}`;
    if (DELEGATION.has(kind) || (kind === "direct" && task_id !== null)) {
      // A message with a task in it is work only if its task comes back done.
      if (task_id !== null) tasks.push(`${there}\n${task_id}`, message);
      if (DELEGATION.has(kind)) {
        works.push(there, message);
        open.add(id);
      }
    } else if (COMPLETION.has(kind)) {
      const claim = task_id === null ? undefined : claims.get(`${sender}\n${task_id}`);
      if (recipient === "*") {
        if (claim !== undefined && isOpen(claim)) join(claim, message);
      } else if (id.endsWith("<")) {
        // Such a row is one for each agent, and holds its last result.
        const last = works.all(back).findLast(isOpen);
        for (const earlier of works.take(back)) close(earlier);
        join(last, message);
      } else {
        const given = task_id === null ? undefined : tasks.first(`${back}\n${task_id}`, isOpen);
        const fits = (work: Message) => isOpen(work) && (task_id === null || work.task_id === null);
        const work = given ?? works.first(back, fits);
        join(work ?? (claim !== undefined && isOpen(claim) ? claim : undefined), message);
      }
    } else if (task_id !== null && OFFER.has(kind)) {
      offers.set(task_id, message);
    } else if (task_id !== null && kind === CLAIM) {
      join(offers.get(task_id), message);
      offers.delete(task_id);
      claims.set(`${sender}\n${task_id}`, message);
      open.add(id);
    } else if (SPEECH.has(kind)) {
      const session = session_id ?? "";
      const question = talks.get(`${back}\n${session}`);
      join(question, message);
      talks.delete(`${back}\n${session}`);
      close(talks.get(`${there}\n${session}`));
      talks.delete(`${there}\n${session}`);
      if (QUESTION.has(kind)) {
        talks.set(`${there}\n${session}`, message);
        open.add(id);
      }
    } else if (kind === "user") {
      if (isPerson(sender)) {
        // The board does not say which question somebody answers: with several open, none is joined.
        if (notes.length === 1) join(notes[0], message);
        else notes.forEach(close);
        notes = [];
      } else if (isNoteToPeople(message)) {
        notes.push(message);
        open.add(id);
      }
    } else {
      const asked = REQUEST.exec(kind)?.[1];
      const answered = RESPONSE.exec(kind)?.[1];
      if (asked !== undefined) {
        talks.set(`${there}\n#${asked}`, message);
        open.add(id);
      } else if (answered !== undefined) {
        join(talks.get(`${back}\n#${answered}`), message);
        talks.delete(`${back}\n#${answered}`);
      }
    }
  }
  return { answerTo, answered, open };
}

/** How long the answer took, ms; null for what answers nothing that is known. */
export function latencyOf(pairs: Pairs, answer: Message): number | null {
  const question = pairs.answered.get(answer.id);
  if (question === undefined || question.at === null || answer.at === null) return null;
  return answer.at - question.at;
}

/** The agent that works on what a message asks. */
export function workerOn(work: Message): string | null {
  return work.kind === CLAIM ? work.sender : work.recipient;
}

export type Standing = "waiting" | "working" | null;

/** What is still to come of a message: `statusOf` an agent decides, for one that is gone waits for nothing. */
export function standingOf(message: Message, pairs: Pairs, statusOf: (id: string) => string | null): Standing {
  if (!pairs.open.has(message.id)) return null;
  if (isAsk(message)) {
    const status = statusOf(message.sender ?? "");
    const read = message.kind === "user" && message.read === true;
    return read || status === null || GONE.has(status) ? null : "waiting";
  }
  if (!isWork(message)) return null;
  const status = statusOf(workerOn(message) ?? "");
  return status === "working" || status === "waiting" ? "working" : null;
}

const GONE = new Set(["offline", "done", "failed"]);

/** Lists by key, of which the answered ones at the front are let go. */
class Queues {
  readonly #lists = new Map<string, Message[]>();

  push(key: string, message: Message): void {
    append(this.#lists, key, message);
  }

  all(key: string): readonly Message[] {
    return this.#lists.get(key) ?? [];
  }

  take(key: string): readonly Message[] {
    const list = this.all(key);
    this.#lists.delete(key);
    return list;
  }

  first(key: string, fits: (message: Message) => boolean): Message | undefined {
    const list = this.#lists.get(key);
    const at = list?.findIndex(fits) ?? -1;
    return at < 0 ? undefined : list!.splice(at, 1)[0];
  }
}
