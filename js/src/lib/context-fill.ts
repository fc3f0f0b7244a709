// How full the context of a model is; null for models whose window is not known.
import { WINDOWS } from "./trouble-rules.ts";

export { NEARLY_FULL } from "./trouble-rules.ts";

export interface Fill {
  readonly window: number;
  readonly part: number;
}

/** null where the window of the model is not known. */
export function contextFill(model: string | null, tokens: number | null): Fill | null {
  if (model === null || tokens === null) return null;
  const window = windowOf(model.toLowerCase(), tokens);
  return window === null ? null : { window, part: Math.min(1, tokens / window) };
}

/** Which of its windows a session has is rarely written down: the first that holds what is in it. */
function windowOf(model: string, tokens: number): number | null {
  const [, windows] = WINDOWS.find(([pattern]) => new RegExp(pattern).test(model)) ?? [];
  return windows === undefined ? null : (windows.find((window) => tokens <= window) ?? windows.at(-1)!);
}
