// The one bundle's entry. In a notebook anywidget calls `initialize` and `render`; on the server's own page
// the dashboard mounts itself.
import { type Model, openComm } from "./comm.ts";
import { Conversation } from "./conversation.ts";
import { mount } from "./mount.tsx";
import { mountPage } from "./page.ts";
import { Store } from "./store.ts";

const COMM_BEAT_MS = 10_000;

interface Replica {
  readonly store: Store;
  readonly conversation: Conversation;
}

/** One replica for each model, shared by all its views. */
const replicas = new WeakMap<Model, Replica>();

function replicaOf(model: Model): Replica {
  const known = replicas.get(model);
  if (known !== undefined) return known;
  const store = new Store();
  const conversation = new Conversation(store, { peer: "kernel", beatMs: COMM_BEAT_MS });
  conversation.use(openComm(model, conversation));
  const replica = { store, conversation };
  replicas.set(model, replica);
  return replica;
}

/** Owns nothing that would have to be cleaned up: its clean-up is not reliably called. */
function initialize({ model }: { model: Model }): void {
  replicaOf(model);
}

function render({ model, el, signal }: { model: Model; el: HTMLElement; signal?: AbortSignal }): () => void {
  const { store, conversation } = replicaOf(model);
  const life = new AbortController();
  signal?.addEventListener("abort", () => life.abort());
  const host = el.appendChild(document.createElement("div"));
  const setHeight = () => {
    const height = model.get("height");
    host.style.height = `${typeof height === "number" ? height : 620}px`;
  };
  setHeight();
  model.on("change:height", setHeight);
  life.signal.addEventListener("abort", () => model.off("change:height", setHeight));
  mount(host, store, life.signal);
  conversation.attend(life.signal);
  return () => life.abort();
}

const page = document.getElementById("agent-widget-page");
if (page !== null) mountPage(page);

export default { initialize, render };
