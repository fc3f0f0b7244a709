// A name on one line. Where there is no room for all of it the middle gives way, so that names which begin alike
// stay apart, and a number at the end is never lost.
import { endsOf } from "../lib/names.ts";
import { oneLine } from "../lib/text.ts";

interface EndsProps {
  readonly text: string;
  readonly class?: string;
  readonly strong?: boolean;
  /** How many characters others begin with too (`alikeIn` of agents); as many as it has, unless it is given. */
  readonly alike?: number;
  /** The tooltip, where it is more than the name. */
  readonly title?: string;
}

export function Ends({ text, class: name = "", strong = false, alike, title }: EndsProps) {
  const whole = oneLine(text);
  const Tag = strong ? "strong" : "span";
  const about = title === undefined ? whole : oneLine(title);
  const [head, tail] = endsOf(whole, alike);
  if (head === "") {
    return (
      <Tag class={`line ${name}`} title={about}>
        {whole}
      </Tag>
    );
  }
  return (
    <Tag class={`ends ${name}`} title={about}>
      <span>{head}</span>
      <span>{tail}</span>
    </Tag>
  );
}
