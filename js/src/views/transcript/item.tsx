// One line of the list: an entry, a run of calls, a new day, or the mark where the reader left off.
import { day } from "../../lib/format.ts";
import { EntryView } from "./entry.tsx";
import type { Item } from "./items.ts";
import { Calls } from "./tool.tsx";

interface ItemProps {
  readonly item: Item;
  readonly open: boolean;
  /** The one the search went to. */
  readonly current: boolean;
  readonly onToggle: () => void;
  readonly onChild: (agent: string) => void;
}

export function ItemView({ item, open, current, onToggle, onChild }: ItemProps) {
  switch (item.kind) {
    case "day":
      return (
        <li class="entry-day muted" data-key={item.key}>
          {day(item.at)}
        </li>
      );
    case "new":
      return (
        <li class="entry-new" data-key={item.key}>
          new since you looked
        </li>
      );
    case "calls":
      return (
        <li class="entry entry-calls" data-key={item.key}>
          <span />
          <div class="entry-content">
            <Calls calls={item.calls} open={item.open} onToggle={onToggle} />
          </div>
        </li>
      );
    case "entry":
      return (
        <li
          class={`entry entry-${item.entry.kind} ${item.folded ? "inner" : ""} ${item.timed ? "timed" : ""}`}
          data-key={item.key}
          aria-current={current || undefined}
        >
          <EntryView entry={item.entry} open={open} whole={current} onToggle={onToggle} onChild={onChild} />
        </li>
      );
  }
}
