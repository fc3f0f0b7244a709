// What a tool call is about, in few words; and everything it holds, to search in and to copy.
import type { Entry, Tool } from "../../store/transcript.ts";

type Input = Readonly<Record<string, unknown>>;

/** The most informative first. Agents name the same things differently. */
const TELLING = [
  "command",
  "cmd",
  "pattern",
  "query",
  "file_path",
  "filePath",
  "absolute_path",
  "notebook_path",
  "path",
  "url",
  "description",
  "subject",
  "summary",
  "title",
  "skill",
  "prompt",
  "message",
  "text",
  "name",
];
const PATHS = new Set(["file_path", "filePath", "absolute_path", "notebook_path", "path"]);

/** For who gave work to another one, the words for people come first. */
const GIVING = ["description", "subject", "summary", "title", "prompt", ...TELLING];

const SERVER_TOOL = /^mcp__(.+?)__(.+)$/;

/** "mcp__browser__navigate" is navigate of browser. */
export function toolName(call: Tool): string {
  const name = call.name ?? "tool";
  return SERVER_TOOL.exec(name)?.[2] ?? name;
}

export const toolServer = (call: Tool): string | null => SERVER_TOOL.exec(call.name ?? "")?.[1] ?? null;

const isInput = (input: unknown): input is Input =>
  typeof input === "object" && input !== null && !Array.isArray(input);

export function gist(call: Tool): string {
  const { input } = call;
  if (typeof input === "string") return input;
  if (!isInput(input)) return "";
  const order = call.child !== null ? GIVING : TELLING;
  const key =
    order.find((name) => typeof input[name] === "string" && input[name] !== "") ??
    Object.keys(input).find((name) => typeof input[name] === "string");
  if (key === undefined) return call.files.map(shortPath).join(", ");
  const text = input[key] as string;
  if (PATHS.has(key)) return shortPath(text);
  const where = key === "pattern" && typeof input["path"] === "string" ? ` in ${shortPath(input["path"])}` : "";
  return text + where;
}

/** The end of a path, which names the file. */
export function shortPath(path: string): string {
  const parts = path.split(/[\\/]/).filter(Boolean);
  return parts.length <= 4 ? path : `…/${parts.slice(-3).join("/")}`;
}

/** An input, output or error as text: a lone text as it is, else each part with its name. */
export function textOf(input: unknown): string {
  if (input === null || input === undefined) return "";
  if (typeof input === "string") return input;
  if (!isInput(input)) return JSON.stringify(input, null, 2);
  return Object.entries(input)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
      return text.includes("\n") ? `${name}:\n${text}` : `${name}: ${text}`;
    })
    .join("\n");
}

/** What a command is for, in the agent's words; of other calls it is in their input. */
export function purpose({ input }: Tool): string {
  if (!isInput(input) || typeof input["command"] !== "string") return "";
  const { description } = input;
  return typeof description === "string" ? description : "";
}

/** What opens under a call before its output: the command, or its whole input. How long it may take: if `whole`. */
export function given(call: Tool, whole = false): string {
  const { input } = call;
  if (!isInput(input)) return textOf(input);
  const { command, ...rest } = input;
  if (typeof command !== "string") return textOf(input);
  const said = purpose(call) === "" ? "" : "description";
  const others = Object.fromEntries(
    Object.entries(rest).filter(([name]) => name !== said && (whole || name !== "timeout")),
  );
  return [command, textOf(others)].filter(Boolean).join("\n\n");
}

/** The whole text of an entry. */
export function wordsOf(entry: Entry): string {
  switch (entry.kind) {
    case "tool":
      return [entry.name, textOf(entry.input), textOf(entry.asks), textOf(entry.output), textOf(entry.error)]
        .filter(Boolean)
        .join("\n");
    case "plan":
      return entry.todos.map((todo) => `${todo.status}: ${todo.title ?? todo.id}`).join("\n");
    case "end":
      return [entry.how, entry.text].filter(Boolean).join(": ");
    default:
      return entry.text ?? "";
  }
}
