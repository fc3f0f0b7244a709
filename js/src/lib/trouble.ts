// What is wrong with an agent, and on what evidence: the same as agent_widget/client/trouble.py, with its numbers.
import type { AgentsRow, ToolCallsRow } from "../store/tables.ts";
import { contextFill } from "./context-fill.ts";
import { MINUTE, SECOND } from "./durations.ts";
import { integer, percent } from "./format.ts";
import { oneLine } from "./text.ts";
import {
  ABOUT,
  CUT,
  EDITING,
  EDITS,
  FAILED_CALLS,
  FILE,
  LASTING,
  LATELY,
  LOOKED_AT,
  LOOKING,
  NEARLY_FULL,
  QUIET_MS,
  SAME_CALLS,
  WITHIN_MS,
} from "./trouble-rules.ts";

export interface Trouble {
  readonly kind: "loop" | "failures" | "churn" | "quiet" | "context";
  readonly text: string;
  readonly since: number | null;
}

type Agent = Pick<AgentsRow, "status" | "model" | "context_tokens" | "last_seen_at">;
type Call = Pick<ToolCallsRow, "at" | "name" | "status" | "input" | "output" | "error">;

const CHARS = 80;

const is = (pattern: string, { name }: Call): boolean => new RegExp(pattern).test((name ?? "").toLowerCase());
const length = (ms: number): string =>
  ms < MINUTE ? `${Math.floor(ms / SECOND)} s` : `${Math.floor(ms / MINUTE)} min`;
const brief = (text: string): string => {
  const line = [...oneLine(text)];
  return line.length <= CHARS ? line.join("") : `${line.slice(0, CHARS - 1).join("")}…`;
};

/** What is wrong; `calls` are the agent's, the oldest first. */
export function judge(agent: Agent, calls: readonly Call[], now: number): Trouble[] {
  const found: Trouble[] = [];
  if (agent.status === "working") {
    const last = calls.slice(-LOOKED_AT);
    const ended = last.filter(({ at, status }) => at! > now - WITHIN_MS && status !== "running");
    found.push(...loop(ended), ...failures(ended), ...churn(ended), ...quiet(agent, last, now));
  }
  if (agent.status === "working" || agent.status === "waiting") {
    const fill = contextFill(agent.model, agent.context_tokens);
    if (fill !== null && fill.part >= NEARLY_FULL) {
      const text = `the context is ${percent(fill.part)} full, of ${integer(fill.window)} tokens`;
      found.push({ kind: "context", text, since: null });
    }
  }
  return found;
}

/** The most frequent of the keys, if it is often enough and one of the last. */
function often(keys: readonly (string | null)[], least: number): { key: string; count: number } | null {
  const counts = new Map<string, number>();
  for (const key of keys) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  let most: { key: string; count: number } | null = null;
  for (const [key, count] of counts) if (count > (most?.count ?? 0)) most = { key, count };
  return most !== null && most.count >= least && keys.slice(-LATELY).includes(most.key) ? most : null;
}

function loop(ended: readonly Call[]): Trouble[] {
  const sinceEdit = ended.slice(ended.findLastIndex((call) => is(EDITING, call)) + 1);
  const keys = sinceEdit.map((call) =>
    !call.input || call.input.length >= CUT || is(LOOKING, call)
      ? null // a longer input is cut: what follows may differ
      : JSON.stringify([call.name, call.input, call.output, call.error]),
  );
  const most = often(keys, SAME_CALLS);
  if (most === null) return [];
  const same = sinceEdit.filter((_, i) => keys[i] === most.key);
  const [first, last] = [same[0]!, same.at(-1)!];
  const about = brief(`${first.name} ${new RegExp(ABOUT).exec(first.input!)?.[1] ?? first.input}`);
  const text = `the same call ${most.count} times in ${length(last.at! - first.at!)} with the same result: ${about}`;
  return [{ kind: "loop", text, since: first.at }];
}

function failures(ended: readonly Call[]): Trouble[] {
  const run = ended.slice(ended.findLastIndex(({ status, input }) => status !== "error" || !input) + 1);
  if (run.length < FAILED_CALLS) return [];
  const last = run.at(-1)!;
  const about = brief(`${last.name}: ${last.error || last.output || "no reason given"}`);
  const text = `the last ${run.length} calls all failed, the last of them ${about}`;
  return [{ kind: "failures", text, since: run[0]!.at }];
}

function churn(ended: readonly Call[]): Trouble[] {
  const files = ended.map((call) => {
    const found = is(EDITING, call) ? new RegExp(FILE).exec(call.input ?? "") : null;
    return found?.[1] ?? found?.[2] ?? null;
  });
  const most = often(files, EDITS);
  if (most === null) return [];
  const at = ended.filter((_, i) => files[i] === most.key).map((call) => call.at!);
  const name = brief(most.key.split(/[\\/]/).at(-1)!);
  const text = `${name} edited ${most.count} times in ${length(at.at(-1)! - at[0]!)}`;
  return [{ kind: "churn", text, since: at[0]! }];
}

function quiet(agent: Agent, last: readonly Call[], now: number): Trouble[] {
  const call = last.findLast(
    (one) =>
      one.status === "running" && !is(LASTING, one) && Math.max(one.at!, agent.last_seen_at ?? 0) <= now - QUIET_MS,
  );
  if (call === undefined) return [];
  const text = `${brief(call.name ?? "a tool")} has run for ${length(now - call.at!)} without a sign`;
  return [{ kind: "quiet", text, since: call.at }];
}
