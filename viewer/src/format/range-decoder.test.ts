import assert from "node:assert/strict";
import { test } from "node:test";
import { LevelDecoder } from "./level-decoder.ts";
import { RangeDecoder } from "./range-decoder.ts";

/** The decoder after it has read as many bytes, each as eight bits. */
function afterBytes(payload: number[], count: number): { read: number[]; decoder: RangeDecoder } {
  const decoder = new RangeDecoder(Uint8Array.from(payload));
  return { read: Array.from({ length: count }, () => decoder.decodeBits(8)), decoder };
}

test("past the end of the payload zeros are read", () => {
  assert.deepEqual(afterBytes([1, 2, 3, 4, 5, 6, 7], 9).read, [1, 2, 3, 4, 5, 6, 7, 0, 0]);
  assert.deepEqual(afterBytes([], 2).read, [0, 0]);
});

test("only the shortest and least payload of its symbols is one that an encoder writes", () => {
  const verdicts: [number[], number, boolean][] = [
    [[], 0, true],
    [[], 3, true],
    [[1, 2, 3], 3, true],
    [[1, 2, 3], 9, true],
    [[1, 2, 0, 0, 0, 0, 0, 0, 0, 3], 10, true],
    [[1, 2, 3], 2, false],
    [[1, 2, 0], 3, false],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9], 2, false],
    [[1], 0, false],
  ];
  for (const [payload, count, expected] of verdicts) {
    assert.equal(afterBytes(payload, count).decoder.endsAsEncoded(), expected, `${payload} ${count}`);
  }
});

test("a part that lies beyond the last symbol is refused", () => {
  const decoder = new RangeDecoder(Uint8Array.of(0, 2, 255, 255, 255, 255, 255));
  decoder.consume(0, 3, 16);
  // Three parts in 2 ** 16 are no multiple of 2 ** 44 equal ones, so these leave something over.
  assert.throws(() => decoder.decodePart(44), /not one that an encoder writes/);
});

/** Eight alphabets of equally likely symbols, four bits each. */
const EVEN = Int32Array.from({ length: 8 * 17 }, (_, index) => (index % 17) * 4096);

const levelOf = (scale: number, ...payload: number[]) =>
  new LevelDecoder(EVEN, new RangeDecoder(Uint8Array.from(payload))).decode(scale);

test("a level is a symbol, what escapes the alphabet, low bits and a sign", () => {
  assert.equal(levelOf(0), 0);
  assert.equal(levelOf(7, 0b00110000), 3);
  assert.equal(levelOf(7, 0b00111000), -3);
  assert.equal(levelOf(7, 0b11110010, 0b01000000), 15 + 4 + 1 - 1);
  assert.equal(levelOf(8, 0b00111000), 2 * 3 + 1);
  assert.equal(levelOf(16, 0b00111001), 4 * 3 + 2);
  assert.equal(levelOf(16, 0b00110110), -(4 * 3 + 1));
});

test("a level beyond all that an encoder writes is refused", () => {
  assert.throws(() => levelOf(0, 0b11111100), /holds a level that no encoder writes/);
});
