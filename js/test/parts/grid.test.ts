// Which columns of a grid fit a width.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fitColumns, template } from "../../src/parts/grid/widths.ts";

test("columns go by rank until the rest fits", () => {
  const columns = [{ min: 100 }, { min: 100, rank: 2 }, { min: 100, rank: 1 }];
  const fitting = (width: number) => fitColumns(columns, width).map(({ rank }) => rank ?? 0);
  assert.deepEqual(fitting(1_000), [0, 2, 1]);
  assert.deepEqual(fitting(300), [0, 1]);
  assert.deepEqual(fitting(120), [0]);
});

test("the width left over goes to those that grow, else to the last, so that it ends at the edge", () => {
  assert.equal(template([{ min: 10, grow: 2 }, { min: 20 }]), "minmax(10px, 2fr) 20px");
  assert.equal(template([{ min: 10 }, { min: 20 }]), "10px minmax(20px, 1fr)");
});
