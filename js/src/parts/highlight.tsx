// Marks the search text inside every text below a provider.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { stretches } from "../lib/search.ts";

export const Highlight = createContext<RegExp | null>(null);

export function Marked({ text }: { text: string }) {
  const pattern = useContext(Highlight);
  if (pattern === null) return <>{text}</>;
  return <>{stretches(text, pattern).map(({ text, found }, i) => (found ? <mark key={i}>{text}</mark> : text))}</>;
}
