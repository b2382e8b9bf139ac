import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { readGolden, readManifest, tinyTables, writeSafetensors } from "./golden.ts";
import { OtherWeights, readFace, readTables, UnreadableFile } from "./index.ts";

const { header, content } = tinyTables();
const TABLES = readTables(writeSafetensors(header, content));
const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

test("golden files hold the symbols and show the LR image that the package reads", async () => {
  for (const entry of readManifest().filter(({ model }) => model === "tiny")) {
    const face = await readFace(readGolden(entry.file), TABLES);
    assert.equal(sha256(face.symbols.join(" ")), entry.symbols, entry.file);
    assert.equal(sha256(face.lrImage), entry.low_resolution, entry.file);
    assert.equal(face.carrier, entry.file.endsWith(".png") ? "png" : "grain");
  }
});

test("without a payload the LR image is the thumbnail", async () => {
  const face = await readFace(readGolden("tiny-quiet.grain"), TABLES);
  assert.equal(face.payloadBytes, 0);
  assert.equal(Math.max(...face.lrImage.map((value, sample) => Math.abs(value - face.thumbnail[sample]!))) <= 7, true);
  assert.deepEqual(face.lrImage.subarray(2), face.thumbnail.subarray(2));
});

test("a face of other weights is refused as such, whatever it lies in", async () => {
  for (const name of ["anna-q5.grain", "otis-q3.grain.png"]) {
    const said = { name: "OtherWeights", message: "encoded with the weights 69122f, and tiny has 6ee004" };
    await assert.rejects(readFace(readGolden(name), TABLES), said);
  }
  assert.ok(new OtherWeights() instanceof UnreadableFile);
});

test("something else is refused", async () => {
  const said = { name: "UnreadableFile", message: /^this is no .grain file/ };
  for (const text of ["hello", "BB8", "<svg/>"])
    await assert.rejects(readFace(new TextEncoder().encode(text), TABLES), said);
});
