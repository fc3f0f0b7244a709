// The short name of a model, with the whole one in its tooltip.
import { modelName, UNKNOWN } from "../lib/format.ts";
import { oneLine } from "../lib/text.ts";

export function ModelName({ model }: { model: string | null }) {
  return (
    <span class="line muted" title={oneLine(model ?? "")}>
      {model === null ? UNKNOWN : oneLine(modelName(model))}
    </span>
  );
}
