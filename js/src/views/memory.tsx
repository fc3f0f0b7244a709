// Memory: the files and entries agents keep for later, with their text beside the list.
import { useMemo } from "preact/hooks";
import { useApp } from "../context.ts";
import { ago, bytes, exactTime, short, words } from "../format.ts";
import { agentColumn } from "../parts/agent-column.tsx";
import { Details } from "../parts/details.tsx";
import { Frame } from "../parts/frame.tsx";
import { type Column, Grid } from "../parts/grid.tsx";
import { Line, Prose, oneLine } from "../parts/text.tsx";
import { type Facet, useQuery } from "../query.ts";
import { joined } from "../search.ts";
import { newestFirst } from "../sorting.ts";
import type { Shown } from "../store.ts";
import type { MemoryRow } from "../tables.ts";

const facets: readonly Facet<MemoryRow>[] = [
  { key: "kind", title: "kind", values: (row) => [row.kind] },
  { key: "project", title: "project", values: (row) => [row.project], menu: true },
  { key: "source", title: "source", values: (row) => [row.source], menu: true },
];

const text = (row: MemoryRow) => joined(row.id, row.title, row.kind, row.project, row.path, row.text);

const columnsOf = (store: Shown): readonly Column<MemoryRow>[] => [
  {
    key: "title",
    title: "entry",
    min: 150,
    grow: 3,
    value: (row) => row.title,
    cell: (row) => <Line text={row.title ?? row.path ?? row.id} />,
  },
  { key: "kind", title: "kind", min: 90, rank: 1, value: (row) => row.kind, cell: (row) => words(row.kind) },
  {
    key: "text",
    title: "text",
    min: 120,
    grow: 3,
    rank: 3,
    cell: (row) => <span class="line muted">{oneLine(row.text ?? "")}</span>,
  },
  agentColumn(store, "agent_id", { title: "agent", rank: 5 }),
  { key: "size", title: "size", min: 60, rank: 4, end: true, value: (row) => row.size, cell: (row) => bytes(row.size) },
  {
    key: "tokens",
    title: "tokens",
    min: 56,
    rank: 4,
    end: true,
    value: (row) => row.tokens,
    cell: (row) => <span title="an estimate from the size">{row.tokens === null ? "–" : `≈ ${short(row.tokens)}`}</span>,
  },
  {
    key: "updated_at",
    title: "updated",
    min: 80,
    rank: 2,
    end: true,
    value: (row) => row.updated_at,
    cell: (row) => (
      <span class="muted" title={exactTime(row.updated_at)}>
        {ago(row.updated_at, store.now.value)}
      </span>
    ),
  },
];

export function Memory() {
  const { store, nav } = useApp();
  const { memory, agents } = store.tables;
  memory.version.value;
  agents.version.value;
  const all = memory.list();
  const rows = useMemo(() => newestFirst(all, (row) => row.updated_at), [all]);
  const query = useQuery("memory", rows, text, facets);
  const columns = useMemo(() => columnsOf(store), [store]);
  return (
    <Frame
      view="memory"
      table="memory"
      facets={facets}
      query={query}
      total={all.length}
      nouns={["entry", "entries"]}
      nothing="Memory files and knowledge entries of the agents appear here."
      details={(row) => (
        <Details table="memory" row={row} title={row.title ?? row.path ?? row.id} without={["text"]}>
          {row.text !== null && <Prose class="preview" text={row.text} />}
        </Details>
      )}
    >
      <Grid
        label="Memory"
        columns={columns}
        rows={query.rows}
        sort={nav.sort("memory")}
        question={query.question}
        latest={memory.rows}
        changedAt={memory.changedAt}
        selected={nav.selected.value?.table === "memory" ? nav.selected.value.id : null}
        onSelect={(id) => nav.select("memory", id)}
      />
    </Frame>
  );
}
