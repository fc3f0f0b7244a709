// The keys of the dashboard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { commandOf, KEYS } from "../../src/state/keys.ts";
import { times } from "../../src/state/times.ts";
import { VIEWS } from "../../src/store/tables.ts";

const pressed = (key: string, more: Partial<KeyboardEvent> = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  isComposing: false,
  ...more,
});

test("a digit asks for the view of that place", () => {
  assert.deepEqual(
    VIEWS.map((_, i) => commandOf(pressed(String((i + 1) % 10)), false)),
    [...VIEWS],
  );
});

test("what is typed into a field, or with Ctrl, Alt or Meta, asks for nothing", () => {
  assert.equal(commandOf(pressed("t"), true), null);
  for (const modifier of ["ctrlKey", "altKey", "metaKey", "isComposing"]) {
    assert.equal(commandOf(pressed("p", { [modifier]: true }), false), null);
  }
});

test("every key of its own is in the list that people read", () => {
  const told = KEYS[0]!.keys.map(([key]) => key);
  for (const key of ["/", "?", "n", "t", "p", "c"]) {
    assert.notEqual(commandOf(pressed(key), false), null);
    assert.ok(told.includes(key), key);
  }
});

test("times turn from what fits to clocks, and then between clocks and ages", () => {
  assert.equal(times.value, "fits");
  const seen = [1, 2, 3].map(() => (times.turn(), times.value));
  assert.deepEqual(seen, ["clock", "ago", "clock"]);
});
