// Saves a text as a file, in the browser alone.
const TYPES: Readonly<Record<string, string>> = { csv: "text/csv", html: "text/html", json: "application/json" };
/** A large file is still being written after the click. */
const KEPT_MS = 60_000;

export function download(text: string, name: string): void {
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "text/markdown";
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
