// The columns of the sums: a name, how much of what, and which part of the whole.
import { Bar } from "../../charts/bar.tsx";
import { QUARTER } from "../../lib/durations.ts";
import { integer, money, percent, short } from "../../lib/format.ts";
import { oneLine } from "../../lib/text.ts";
import type { Column } from "../../parts/grid/types.ts";
import { Line } from "../../parts/text.tsx";
import { Time } from "../../parts/time.tsx";
import type { Group, Measure } from "./sums.ts";

export function groupColumns(
  title: string,
  measure: Measure,
  nameOf: (id: string) => string,
  seriesOf: (id: string) => string,
): readonly Column<Group>[] {
  const tokens = (key: "input" | "output" | "cacheRead" | "cacheWrite", name: string, rank: number): Column<Group> => ({
    key,
    title: name,
    min: name.length > 5 ? 80 : 62,
    rank,
    end: true,
    value: (group) => group[key],
    cell: (group) => (
      <span class="muted" title={integer(group[key])}>
        {short(group[key])}
      </span>
    ),
  });
  return [
    {
      key: "name",
      lead: true,
      title,
      min: 170,
      grow: 3,
      value: (group) => (group.id === "" ? null : nameOf(group.id)),
      cell: (group) => (
        <span class="with-mark" title={oneLine(group.id)}>
          <span class={`usage-swatch ${seriesOf(group.id)}`} aria-hidden="true" />
          <Line text={nameOf(group.id)} {...(group.id === "" && { class: "muted" })} />
        </span>
      ),
    },
    {
      key: "cost",
      title: "cost",
      min: 76,
      end: true,
      value: (group) => group.cost,
      cell: (group) => (
        <span
          class={group.cost === null ? "muted" : ""}
          title={group.unpriced > 0 ? `${integer(group.unpriced)} answers have no known price` : ""}
        >
          {money(group.cost, group.unpriced)}
        </span>
      ),
    },
    {
      key: "tokens",
      title: "tokens",
      min: 62,
      end: true,
      value: (group) => group.tokens,
      cell: (group) => <span title={integer(group.tokens)}>{short(group.tokens)}</span>,
    },
    {
      key: "part",
      title: `of the ${measure}`,
      min: 96,
      grow: 1,
      rank: 2,
      end: true,
      value: (group) => group.part,
      cell: (group) => (
        <span class="with-bar">
          <span class="muted figures">{group.part > 0 && group.part < 0.005 ? "<1%" : percent(group.part)}</span>
          <Bar part={group.part} color="var(--aw-muted)" />
        </span>
      ),
    },
    {
      key: "requests",
      title: "answers",
      min: 66,
      rank: 3,
      end: true,
      value: (group) => group.requests,
      cell: (group) => <span class="muted">{integer(group.requests)}</span>,
    },
    tokens("input", "in", 4),
    tokens("output", "out", 4),
    tokens("cacheRead", "cache read", 6),
    tokens("cacheWrite", "cache write", 7),
    {
      key: "lastAt",
      title: "last used",
      min: 92,
      rank: 5,
      end: true,
      value: (group) => group.lastAt,
      cell: (group) => <Time at={group.lastAt} within={QUARTER} fits="clock" what="in the quarter of an hour from" />,
    },
  ];
}
