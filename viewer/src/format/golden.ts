/** For tests: the golden files of the package, and the tables of the tiny model that some of them need. */
import { readFileSync } from "node:fs";
import { concatenate } from "./bytes.ts";

const FOLDER = new URL("../../../tests/golden/", import.meta.url);

export interface Entry {
  file: string;
  model: string;
  symbols: string;
  low_resolution: string;
}

export function readGolden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`files/${name}`, FOLDER)));
}

export function readManifest(): Entry[] {
  return JSON.parse(new TextDecoder().decode(readGolden("golden.json")));
}

/** A safetensors file. */
export function writeSafetensors(header: object | string, content: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return concatenate(length, text, content);
}

/** The header of a safetensors file. */
export type Header = Record<string, Record<string, unknown>>;

/** The header and the content of the tiny model's file of tables, as `grain-weights export-onnx` would write it. */
export function tinyTables(): { header: Header; content: Uint8Array } {
  const file = new Uint8Array(readFileSync(new URL("tiny-tables.safetensors", FOLDER)));
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header: Header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length)));
  Object.assign(header.__metadata__!, { "fingerprint in files": "6ee004", licence: "none" });
  return { header, content: file.subarray(8 + length) };
}
