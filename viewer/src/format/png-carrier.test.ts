import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { concatenate } from "./bytes.ts";
import { checksum, crc32 } from "./crc32.ts";
import { unpackCarrier } from "./png-carrier.ts";
import { SIGNATURE } from "./png-chunks.ts";

type Written = [kind: string, content: Uint8Array | number[]];

const END: Written = ["IEND", []];
const SETTINGS = Uint8Array.of(0x10, 22, 0xa1, 0xb2, 0xc3);
const RAMP = Uint8Array.from({ length: 768 }, (_, sample) => sample);

function write(...chunks: Written[]): Uint8Array {
  const packed = chunks.flatMap(([kind, content]) => {
    const body = concatenate(new TextEncoder().encode(kind), Uint8Array.from(content));
    const numbers = new DataView(new ArrayBuffer(8));
    numbers.setUint32(0, content.length);
    numbers.setUint32(4, crc32(body));
    const [length, crc] = [new Uint8Array(numbers.buffer, 0, 4), new Uint8Array(numbers.buffer, 4)];
    return [length, body, crc];
  });
  return concatenate(SIGNATURE, ...packed);
}

const header = (colour = 2, depth = 8, side = 16): Written => [
  "IHDR",
  [0, 0, 0, side, 0, 0, 0, 16, depth, colour, 0, 0, 0],
];

/** An IDAT chunk of 16 rows, all with one filter. */
function image(rows: Uint8Array, filter = 0): Written {
  const length = rows.length / 16;
  const lines = Array.from({ length: 16 }, (_, row) => [filter, ...rows.subarray(row * length, (row + 1) * length)]);
  return ["IDAT", deflateSync(Uint8Array.from(lines.flat()))];
}

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);
const pixelsOf = (...chunks: Written[]) => unpackCarrier(write(...chunks, END)).pixels;
const PRIVATE: Written = ["grIn", concatenate(SETTINGS, checksum(SETTINGS, RAMP))];

test("the private chunk names quality and fingerprint, and its checksum covers the pixels", () => {
  const carrier = unpackCarrier(write(header(), PRIVATE, image(RAMP), END));
  assert.deepEqual(carrier.pixels, RAMP);
  assert.deepEqual([carrier.parameters?.fineQuality, carrier.parameters?.fingerprint], [22, "a1b2c3"]);
  assert.equal(unpackCarrier(write(header(), image(RAMP), END)).parameters, null);
  assert.throws(() => pixelsOf(header(), PRIVATE, image(filled(768, 1))), /pixels were altered/);
  assert.throws(() => pixelsOf(header(), PRIVATE, PRIVATE, image(RAMP)), /private chunk twice/);
  assert.throws(() => pixelsOf(header(), ["grIn", SETTINGS], image(RAMP)), /has 5 bytes, which no version/);
});

test("greys of every depth are read", () => {
  for (const depth of [1, 2, 4, 8]) {
    const most = filled(2 * depth * 16, 255);
    assert.deepEqual(pixelsOf(header(0, depth), image(most)), filled(768, 255));
    const steps = Uint8Array.from(most, () => 0b00011011);
    const second = (0b00011011 >> (8 - 2 * depth)) & ((1 << depth) - 1);
    const expected = depth === 8 ? 0b00011011 : (second * 255) / ((1 << depth) - 1);
    assert.equal(pixelsOf(header(0, depth), image(steps))[3], expected);
  }
});

test("every filter is undone", () => {
  const constant = [filled(768, 9), filled(768, 9), filled(768, 9), filled(768, 9), filled(768, 9)];
  const last = constant.map((rows, filter) => pixelsOf(header(), image(rows, filter)).at(-1));
  // Bytes add up from the left, from above, from the mean of both, and from the nearest of three.
  assert.deepEqual(last.slice(0, 3), [9, (9 * 16) % 256, (9 * 16) % 256]);
  assert.deepEqual([pixelsOf(header(), image(filled(768, 2), 3))[3], last[4]], [3, (9 * 31) % 256]);
  assert.throws(() => pixelsOf(header(), image(RAMP, 5)), /pixels of the PNG cannot be read/);
});

test("only opaque pictures are read", () => {
  const transparent = /opaque/;
  assert.deepEqual(pixelsOf(header(6), image(filled(1024, 255))), filled(768, 255));
  assert.throws(() => pixelsOf(header(6), image(filled(1024, 254))), transparent);
  assert.throws(() => pixelsOf(header(4), image(filled(512, 254))), transparent);
  assert.throws(() => pixelsOf(header(), ["tRNS", [0, 0, 0, 0, 0, 0]], image(RAMP)), transparent);
  const palette: Written = ["PLTE", [1, 2, 3, 4, 5, 6]];
  assert.deepEqual(pixelsOf(header(3), palette, image(filled(256, 1))).subarray(0, 3), Uint8Array.of(4, 5, 6));
  assert.throws(() => pixelsOf(header(3), palette, ["tRNS", [255, 9]], image(filled(256, 1))), transparent);
});

test("palettes that break the rules are refused", () => {
  assert.throws(() => pixelsOf(header(3), image(filled(256, 0))), /palette of the PNG breaks/);
  assert.throws(() => pixelsOf(header(3), ["PLTE", [1, 2]], image(filled(256, 0))), /palette of the PNG breaks/);
  assert.throws(() => pixelsOf(header(3), ["PLTE", [1, 2, 3]], image(filled(256, 1))), /not in its palette/);
});

test("pixels are exactly one stream of the right length, and a bomb is not inflated", () => {
  const stream = image(RAMP)[1] as Uint8Array;
  const wrong = /do not take the 784 bytes/;
  assert.throws(() => pixelsOf(header(), ["IDAT", concatenate(stream, Uint8Array.of(0))]), wrong);
  assert.throws(() => pixelsOf(header(), ["IDAT", stream.subarray(0, -1)]), wrong);
  assert.throws(() => pixelsOf(header(), ["IDAT", deflateSync(new Uint8Array(1 << 24))]), wrong);
  assert.throws(() => pixelsOf(header(), ["IDAT", []]), wrong);
  assert.throws(() => pixelsOf(header(), ["IDAT", [110, 111]]), /Error -3 .* incorrect header check/);
});

test("other sizes, unknown critical chunks and forbidden orders are refused", () => {
  assert.throws(() => pixelsOf(header(2, 8, 17), image(RAMP)), /this one has 17x16/);
  assert.throws(() => pixelsOf(header(2, 16), image(RAMP)), /this one has 16/);
  assert.throws(() => pixelsOf(header(2, 4), image(RAMP)), /breaks the rules of PNG/);
  assert.throws(() => pixelsOf(header(), ["CgBI", []], image(RAMP)), /knows the chunk b'CgBI'/);
  assert.throws(() => pixelsOf(header(), image(RAMP), ["tEXt", []], image(RAMP)), /order/);
  assert.throws(() => pixelsOf(header(), ...Array(254).fill(["tEXt", []]), image(RAMP)), /more than 256 chunks/);
  assert.throws(() => pixelsOf(header(), ["tEXt", filled(1 << 16, 0)], image(RAMP)), /at most 65536 bytes/);
});

test("EXIF and uncompressed XMP are found", () => {
  const xmp = new TextEncoder().encode("XML:com.adobe.xmp\0\0\0\0\0<a/>");
  const { chunks } = unpackCarrier(write(header(), ["iTXt", xmp], ["eXIf", [1]], ["eXIf", [2]], image(RAMP), END));
  assert.deepEqual(chunks, [
    { tag: "02", data: Uint8Array.of(1) },
    { tag: "06", data: new TextEncoder().encode("<a/>") },
  ]);
});
