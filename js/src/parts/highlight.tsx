// Marks the search text inside every text below a provider.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { stretches } from "./found.tsx";

export const Highlight = createContext<RegExp | null>(null);

/** Any of the words that were typed; null if none was. */
export function highlightOf(search: string): RegExp | null {
  const words = search.split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`(${escaped.join("|")})`, "gi");
}

export function Marked({ text }: { text: string }) {
  const pattern = useContext(Highlight);
  if (pattern === null) return <>{text}</>;
  return <>{stretches(text, pattern).map(({ text, found }, i) => (found ? <mark key={i}>{text}</mark> : text))}</>;
}
