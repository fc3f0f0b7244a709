// Messages: who sent what to whom, as a list with the newest first or as a sequence. Heartbeats are state, not news:
// hidden unless asked for.
import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { isHuman } from "../../lib/agents.ts";
import { integer, kindWords } from "../../lib/format.ts";
import { joined } from "../../lib/search.ts";
import { newestFirst } from "../../lib/sort.ts";
import { Details } from "../../parts/details.tsx";
import { Either } from "../../parts/either.tsx";
import { Frame } from "../../parts/frame.tsx";
import { Grid } from "../../parts/grid/grid.tsx";
import { Switch } from "../../parts/switch.tsx";
import { pairUp, standingOf } from "../../sequence/pairs.ts";
import { Sequence } from "../../sequence/sequence.tsx";
import { useApp, useSelection } from "../../state/context.ts";
import { type Facet, hostFacet, useQuery } from "../../state/query.ts";
import { agentName } from "../../store/names.ts";
import type { Shown } from "../../store/store.ts";
import type { MessagesRow } from "../../store/tables.ts";
import { messageColumns } from "./columns.tsx";
import { MarkRead } from "./read.tsx";
import { Thread } from "./thread.tsx";

const HEARTBEAT = "heartbeat";

const facetsOf = (store: Shown): readonly Facet<MessagesRow>[] => [
  { key: "kind", title: "kind", values: (row) => [row.kind], name: kindWords },
  {
    key: "agent",
    title: "agent",
    values: (row) => (row.sender === row.recipient ? [row.sender] : [row.sender, row.recipient]),
    name: (id) => agentName(store, id),
    menu: true,
  },
  hostFacet,
];

export function Messages() {
  const { store, nav } = useApp();
  const { messages, agents } = store.tables;
  messages.version.value;
  const who = agents.version.value;
  const facets = useMemo(() => facetsOf(store), [store]);
  const text = (row: MessagesRow) =>
    joined(
      row.sender && agentName(store, row.sender),
      row.recipient && agentName(store, row.recipient),
      row.kind,
      row.text,
    );
  const beats = nav.switch("messages", "heartbeats");
  const sequence = nav.switch("messages", "sequence");
  const unfolded = useSignal<ReadonlySet<string>>(new Set());
  const wanted = beats.value || (nav.filter("messages").value.kind?.includes(HEARTBEAT) ?? false);
  const all = messages.list();
  const { rows, hidden } = useMemo(() => {
    const kept = wanted ? all : all.filter((row) => row.kind !== HEARTBEAT);
    return { rows: newestFirst(kept, (row) => row.at), hidden: all.length - kept.length };
  }, [all, wanted]);
  // Joined before they are filtered: an answer took as long, whatever is shown.
  const pairs = useMemo(() => {
    const isPerson = (id: string) => {
      const agent = agents.rows.get(id);
      return agent !== undefined && isHuman(agent);
    };
    return pairUp(rows.toReversed(), isPerson);
  }, [rows]);
  const standing = useMemo(
    () => (row: MessagesRow) => standingOf(row, pairs, (id) => agents.rows.get(id)?.status ?? null),
    [pairs, who],
  );
  const columns = useMemo(() => messageColumns(store, pairs, standing), [store, pairs, standing]);
  const query = useQuery("messages", rows, text, facets);
  const inOrder = useMemo(() => (sequence.value ? query.rows.toReversed() : []), [query.rows, sequence.value]);
  const { selected, onSelect } = useSelection("messages");
  return (
    <Frame
      table="messages"
      facets={facets}
      query={query}
      total={rows.length}
      nouns={["message", "messages"]}
      nothing="What agents say to each other, and to you, appears here."
      tools={
        <>
          {(hidden > 0 || beats.value) && (
            <Switch on={beats}>
              heartbeats <span class="chip-count">{integer(hidden)}</span>
            </Switch>
          )}
          <Either label="show messages as" on={sequence} names={["List", "Sequence"]} />
        </>
      }
      details={(row) => (
        <Details table="messages" row={row} title={row.kind ? kindWords(row.kind) : "message"}>
          <MarkRead key={row.id} row={row} />
          <Thread row={row} pairs={pairs} standing={standing(row)} />
        </Details>
      )}
    >
      {sequence.value ? (
        <Sequence
          label="Messages in order, the newest at the end"
          messages={inOrder}
          pairs={pairs}
          standing={standing}
          question={`${query.question} ${wanted}`}
          changedAt={messages.changedAt}
          unfolded={unfolded}
          selected={selected}
          onSelect={onSelect}
        />
      ) : (
        <Grid
          label="Messages"
          columns={columns}
          rows={query.rows}
          sort={nav.sort("messages")}
          question={`${query.question} ${wanted}`}
          latest={messages.rows}
          changedAt={messages.changedAt}
          selected={selected}
          onSelect={onSelect}
        />
      )}
    </Frame>
  );
}
