// What a call was about, out of the JSON it was given: "npm test" says more than {"command":"npm test","timeout":…}.

/** The arguments that show what a call does, the most informative first. */
const TELLING = [
  "command",
  "file_path",
  "filePath",
  "path",
  "pattern",
  "query",
  "url",
  "prompt",
  "description",
  "subject",
  "message",
  "text",
  "code",
];

/** A preview may be cut anywhere, so this looks for `"name":"value` and needs no end. */
const ARGUMENT = /"([A-Za-z_]+)"\s*:\s*(?:"((?:[^"\\]|\\.)*)|(-?[\d.]+|true|false))/g;

export function callText(input: string | null): string | null {
  if (input === null) return null;
  const found = givenArguments(input);
  for (const name of TELLING) {
    const value = found.get(name);
    if (value) return value;
  }
  if (found.size === 0) return input;
  return Array.from(found, ([name, value]) => `${name} ${value}`).join(" · ");
}

/** Name → value; of JSON that is cut, what there is of it. Empty for anything else. */
export function givenArguments(input: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (!input.trimStart().startsWith("{")) return found;
  for (const [, name, text, other] of input.matchAll(ARGUMENT)) {
    if (!found.has(name!)) found.set(name!, other ?? unescaped(text ?? ""));
  }
  return found;
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    // cut within an escape
    return text.replace(/\\(.)/g, (_, sign: string) => ({ n: "\n", r: "", t: "\t" })[sign] ?? sign);
  }
}
