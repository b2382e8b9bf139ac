import assert from "node:assert/strict";
import { test } from "node:test";
import { bandOf, CELLS, DetailContext, INTERLEAVED, ThumbnailContext } from "./contexts.ts";

test("each cell is coded once for each component, and the first two groups border on later ones only", () => {
  assert.deepEqual(
    INTERLEAVED.flat().sort((one, other) => one - other),
    Array.from(Array(CELLS).keys()),
  );
  assert.deepEqual(
    INTERLEAVED.map((cells) => cells.slice(0, 2)),
    [
      [0, 2],
      [17, 19],
      [1, 3],
    ],
  );
});

test("components belong to four bands", () => {
  assert.deepEqual([0, 1, 3, 4, 11, 12, 95].map(bandOf), [0, 1, 1, 2, 2, 3, 3]);
});

test("where little was coded the class is in the middle, and it follows what is found", () => {
  const scaleOfOne = 72; // An expected magnitude of one level.
  const classAfter = (level: number) => {
    const context = new ThumbnailContext();
    context.add(Int32Array.of(level), Uint8Array.of(scaleOfOne));
    return context.ratioClass();
  };
  assert.equal(new ThumbnailContext().ratioClass(), 4);
  assert.deepEqual([0, 1, 2, -2, 9].map(classAfter), [0, 4, 6, 6, 7]);
});

test("a level counts in its cell and in the eight cells around it", () => {
  const context = new DetailContext();
  context.add(17, 9, 0);
  const loud = Array.from(Array(CELLS).keys()).filter((cell) => context.around(cell) === 7);
  assert.deepEqual(loud, [0, 1, 2, 16, 18, 32, 33, 34]);
  assert.deepEqual([context.inside(17), context.inside(16)], [7, 4]);
});
