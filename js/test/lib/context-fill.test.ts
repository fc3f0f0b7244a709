// How full the context of a model is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contextFill } from "../../src/lib/context-fill.ts";

test("a context is told as a part of its window where that is known", () => {
  assert.equal(contextFill("claude-opus-4-6", 100_000)?.part, 0.5);
  assert.equal(
    contextFill("claude-opus-5", 554_096)?.window,
    1_000_000,
    "more than the usual window proves the long one",
  );
  assert.equal(contextFill("claude-sonnet-4-5[1m]", 100_000)?.part, 0.1);
  assert.equal(contextFill("gpt-5.2-codex", 258_400)?.part, 1);
  assert.equal(contextFill("some-model", 5), null);
  assert.equal(contextFill("claude-opus-4-6", null), null);
});
