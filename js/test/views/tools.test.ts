// The tools view: what a call was about.
import assert from "node:assert/strict";
import { test } from "node:test";
import { callText } from "../../src/lib/call-text.ts";

test("a call says what it does, also when its input was cut", () => {
  assert.equal(callText('{"timeout":5,"command":"npm test\\n# all"}'), "npm test\n# all");
  assert.equal(callText('{"command":"echo \\"hi\\" && sleep 1 …'), 'echo "hi" && sleep 1 …');
  assert.equal(callText('{"command":"one\\ntwo \\…'), "one\ntwo …");
  assert.equal(callText('{"limit":5,"deep":true}'), "limit 5 · deep true");
  assert.equal(callText("plain words"), "plain words");
  assert.equal(callText("{}"), "{}");
  assert.equal(callText(null), null);
});
