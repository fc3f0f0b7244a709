// What the keys do, and how times are written: a panel over the view, opened with "?".
import type { Signal } from "@preact/signals";
import { KEYS } from "../state/keys.ts";
import { type Times, times } from "../state/times.ts";
import { Dialog } from "./dialog.tsx";

const WAYS: readonly (readonly [Times, string])[] = [
  ["fits", "as fits the column"],
  ["clock", "clock"],
  ["ago", "how long ago"],
];

export function Help({ open }: { open: Signal<boolean> }) {
  return (
    <Dialog open={open} title="Keys and times" closes="Close the help">
      <div class="help-body">
        <div class="help-times">
          <span id="aw-times">Times</span>
          <div class="chips" role="group" aria-labelledby="aw-times">
            {WAYS.map(([way, name]) => (
              <button
                key={way}
                type="button"
                class="chip"
                aria-pressed={times.value === way}
                onClick={() => times.choose(way)}
              >
                {name}
              </button>
            ))}
          </div>
        </div>
        <table class="help-keys">
          {KEYS.map(({ where, keys }) => (
            <tbody key={where}>
              <tr>
                <th colSpan={2} scope="rowgroup">
                  {where}
                </th>
              </tr>
              {keys.map(([key, does]) => (
                <tr key={key}>
                  <td class="mono">{key}</td>
                  <td>{does}</td>
                </tr>
              ))}
            </tbody>
          ))}
        </table>
        <p class="muted">
          Keys work while the focus is in the dashboard, and none of them reaches the notebook. With Ctrl, Alt or ⌘
          every key is the notebook's.
        </p>
      </div>
    </Dialog>
  );
}
