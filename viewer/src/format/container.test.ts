import assert from "node:assert/strict";
import { test } from "node:test";
import { concatenate } from "./bytes.ts";
import { unpack } from "./container.ts";
import { checksum, crc32 } from "./crc32.ts";

const HEADER = [0x8a, 0x47, 0x52, 0x4e, 0x10, 0x16, 0xa1, 0xb2, 0xc3];
const WITH_CHUNKS = [...HEADER.slice(0, 4), 0x11, ...HEADER.slice(5)];
const FACE = [0x66, 0x61, 0x63, 0x65];

const file = (...content: number[]) => concatenate(Uint8Array.from(content), checksum(Uint8Array.from(content)));

test("the CRC-32 of the digits is the one that everyone states", () => {
  assert.equal(crc32(new TextEncoder().encode("12345"), new TextEncoder().encode("6789")), 0xcbf43926);
});

test("the examples of the specification are read", () => {
  const plain = Uint8Array.from([...HEADER, ...FACE, 0x33, 0x2e, 0x34]);
  const stored = { fineQuality: 22, fingerprint: "a1b2c3", payload: Uint8Array.from(FACE), chunks: [], grey: false };
  assert.deepEqual(unpack(plain), stored);
  const exif = Uint8Array.from([...WITH_CHUNKS, 4, ...FACE, 2, 2, 0x49, 0x49, 0x4c, 0x7e, 0x1e]);
  assert.deepEqual(unpack(exif), { ...stored, chunks: [{ tag: "02", data: Uint8Array.of(0x49, 0x49) }] });
});

test("a chunk of an unknown tag is kept, unless the tag is odd", () => {
  assert.deepEqual(unpack(file(...WITH_CHUNKS, 0, 0xfe, 1, 7)).chunks, [{ tag: "fe", data: Uint8Array.of(7) }]);
  assert.throws(() => unpack(file(...WITH_CHUNKS, 0, 0x0b, 1, 7)), /needs a reader that knows chunk 0b/);
});

test("a second spelling of the same content is refused", () => {
  const refusals: [number[], RegExp][] = [
    [[...HEADER, 1, 0], /ends in a zero byte/],
    [[...WITH_CHUNKS, 0x80, 0, 2, 0], /not written as short as can be/],
    [[...WITH_CHUNKS, 0x80, 0x80, 0x80, 0x80, 0], /takes more than 4 bytes/],
    [[...WITH_CHUNKS, 0, 4, 0, 2, 0], /chunk 02 follows chunk 04/],
    [[...WITH_CHUNKS, 0, 4, 0, 4, 0], /chunk 04 follows chunk 04/],
    [[...WITH_CHUNKS, 0], /has 0 bytes of chunks/],
    [[...WITH_CHUNKS, 0, 2, 9, 1], /claims 9 bytes where it can have 1/],
  ];
  for (const [content, reason] of refusals) assert.throws(() => unpack(file(...content)), reason);
});

test("the version goes with the length of the payload", () => {
  const ofVersion = (version: number, length: number) =>
    file(...HEADER.slice(0, 4), version << 4, ...HEADER.slice(5), ...new Uint8Array(length).fill(1));
  assert.equal(unpack(ofVersion(1, 768)).payload.length, 768);
  assert.equal(unpack(ofVersion(2, 4095)).payload.length, 4095);
  assert.throws(() => unpack(ofVersion(1, 769)), /769 bytes does not go with format version 1/);
  assert.throws(() => unpack(ofVersion(2, 768)), /768 bytes does not go with format version 2/);
  assert.throws(() => unpack(ofVersion(2, 4096)), /at most 4107/);
  assert.throws(() => unpack(ofVersion(3, 1)), /format version 3; only 1 and 2/);
});

test("any other flag is refused", () => {
  assert.throws(() => unpack(file(...HEADER.slice(0, 4), 0x14, ...HEADER.slice(5))), /flags 0100/);
});
