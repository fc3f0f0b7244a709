// Text of agents, made safe to show.
import assert from "node:assert/strict";
import { test } from "node:test";
import { oneLine, visible } from "../../src/lib/text.ts";

test("nothing invisible stays invisible", () => {
  assert.equal(visible("a\u202Eb\u0007\u001b[31mred\u001b[0m\r\n\tz"), "a[U+202E]b\u2407red\n\tz");
  assert.equal(oneLine("  a\n\n b "), "a b");
});
