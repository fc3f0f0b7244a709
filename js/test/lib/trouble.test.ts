// What is wrong with an agent; the cases are those of tests/client/test_trouble.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import cases from "../../../tests/client/trouble.json";
import { judge } from "../../src/lib/trouble.ts";

for (const { name, agent, calls, now, expect } of cases) {
  test(`what is wrong: ${name}`, () => {
    const found = judge(agent as Parameters<typeof judge>[0], calls, now);
    assert.deepEqual(
      found.map(({ kind, text, since }) => [kind, text, since]),
      expect,
    );
  });
}
