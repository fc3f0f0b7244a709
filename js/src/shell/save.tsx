// Saves the whole dashboard as one file to keep or to give away.
import { useSignal } from "@preact/signals";
import { download } from "../lib/download.ts";
import { plural } from "../lib/format.ts";
import { Icon } from "../parts/icons.tsx";
import { useApp } from "../state/context.ts";
import { savedPage } from "../state/saving.ts";

const NAME = "run.html";

export function SavePage() {
  const { live, ask, changes } = useApp();
  const busy = useSignal(false);
  if (ask === null || live.connection.value.state === "saved") return null;
  const save = async () => {
    busy.value = true;
    try {
      changes.say(`Saving ${NAME} …`);
      let read = 0;
      const page = await savedPage(ask, live, (n) => {
        read = n;
        changes.say(`Saving ${NAME} … ${plural(n, "conversation")}`);
      });
      download(page, NAME);
      changes.say(`${NAME}: all rows, ${plural(read, "conversation")}, ${(page.length / 1e6).toFixed(1)} MB`);
    } catch (problem) {
      changes.say(`${NAME} was not saved: ${(problem as Error).message}`);
    } finally {
      busy.value = false;
    }
  };
  return (
    <button
      type="button"
      class="button tool"
      aria-label="Save as a page"
      title={`Save all of this as one file (${NAME}) that opens in any browser, without a server; secrets are masked`}
      disabled={busy.value}
      onClick={() => void save()}
    >
      <Icon name="save" />
    </button>
  );
}
