import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeBase45, faceInText } from "./base45.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("the examples of RFC 9285 are read", () => {
  for (const [text, meaning] of [
    ["BB8", "AB"],
    ["%69 VD92EX0", "Hello!!"],
    ["UJCLQE7W581", "base-45"],
    ["", ""],
  ]) {
    assert.deepEqual(decodeBase45(text!), bytes(meaning!));
  }
});

test("texts that stand for no bytes are refused", () => {
  for (const text of ["A", "BB8B", "GGX", ":::", "::", "bb8", "BB8é"]) assert.equal(decodeBase45(text), null, text);
});

test("a text of something else than a face is none", () => {
  assert.equal(faceInText(bytes("BB8")), null);
  assert.equal(faceInText(bytes("")), null);
  assert.deepEqual(faceInText(bytes("TLHAIA\r\n")), Uint8Array.of(0x8a, 0x47, 0x52, 0x4e));
  assert.equal(faceInText(bytes(`TLHAIA${"\n".repeat(4298)}`)), null);
});
