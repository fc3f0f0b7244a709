// How full the context of a model is; null for models whose window is not known.

export interface Fill {
  readonly window: number;
  readonly part: number;
}

/** Above this a context is compacted soon, or overflows. */
export const NEARLY_FULL = 0.8;

const USUAL = 200_000;
const LONG = 1_000_000;

/** null where the window of the model is not known. */
export function contextFill(model: string | null, tokens: number | null): Fill | null {
  if (model === null || tokens === null) return null;
  const window = windowOf(model.toLowerCase(), tokens);
  return window === null ? null : { window, part: Math.min(1, tokens / window) };
}

function windowOf(model: string, tokens: number): number | null {
  // Which of its two windows a Claude session has is rarely written down; what exceeds the one proves the other.
  if (/claude|^(opus|sonnet|haiku|fable)/.test(model))
    return /\[?\b1m\b\]?/.test(model) || tokens > USUAL ? LONG : USUAL;
  if (/gpt-5|codex/.test(model)) return 258_400;
  if (/gemini/.test(model)) return 1_048_576;
  return null;
}
