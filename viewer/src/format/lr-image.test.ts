import assert from "node:assert/strict";
import { test } from "node:test";
import { embed, extract, tailLength } from "./lr-image.ts";
import { drawThumbnail, LR_SAMPLES } from "./thumbnail.ts";

const RAMP = Uint8Array.from({ length: LR_SAMPLES }, (_, sample) => sample);
const NO_TAIL = new Uint8Array();
const payload = (length: number) => Uint8Array.from({ length }, (_, index) => 1 + ((index * 7) % 255));

test("a payload of any length comes back from its LR image and its tail", () => {
  for (const length of [0, 1, 95, 96, 300, 483, 484, 4095]) {
    const whole = payload(length);
    const tail = whole.subarray(length - tailLength(whole));
    assert.equal(tail.length, length > 483 ? length - 460 : 0);
    assert.deepEqual(extract(embed(whole, RAMP), tail), whole, `${length}`);
  }
});

test("the LR image is the thumbnail with little noise", () => {
  const most = (length: number) =>
    Math.max(...embed(payload(length), RAMP).map((value, at) => Math.abs(value - RAMP[at]!)));
  assert.ok(most(50) <= 8 && most(380) <= 15 && most(483) <= 32);
});

test("pixels that carry no payload are refused", () => {
  assert.throws(() => extract(embed(payload(484), RAMP), NO_TAIL), /lacks the tail/);
  assert.throws(() => extract(embed(payload(483), RAMP), payload(1)), /there is a tail too/);
  const marked = (first: number, second: number, rest: number) =>
    Uint8Array.from({ length: LR_SAMPLES }, (_, sample) => [first, second][sample] ?? rest);
  assert.throws(() => extract(marked(7, 7, 27), payload(1)), /does not carry a payload/);
  assert.throws(() => extract(marked(0, 5, 0), NO_TAIL), /does not carry a payload/);
  assert.throws(() => extract(marked(4, 1, 33), NO_TAIL), /does not carry a payload/);
});

test("a thumbnail is the mean and the weighted components, channel by channel", () => {
  const tables = {
    thumbnailMean: new Int32Array(LR_SAMPLES).fill(1 << 13),
    thumbnailBasis: Int16Array.from({ length: LR_SAMPLES }, (_, sample) => (sample < 256 ? 1 << 14 : -32768)),
    thumbnailSteps: Int32Array.of(1 << 14),
  };
  const pixel = (level: number) => Array.from(drawThumbnail(Int32Array.of(level), 0, tables).subarray(0, 3));
  assert.deepEqual(pixel(0), [128, 128, 128]);
  assert.deepEqual(pixel(1), [191, 0, 0]);
  assert.deepEqual(pixel(2 ** 30), [255, 0, 0]);
  assert.deepEqual(pixel(-(2 ** 30)), [0, 255, 255]);
});
