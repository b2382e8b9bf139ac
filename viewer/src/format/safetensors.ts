/** Files of named tensors (https://huggingface.co/docs/safetensors). */
import { UnreadableFile } from "./errors.ts";

const MOST_FILE_BYTES = 1 << 24; // The tables of the largest possible model take 2 MB.
const MOST_HEADER_BYTES = 1 << 20;
const LENGTH_BYTES = 8;

/** A tensor, or a claim to be one: nothing is checked but its place in the file. */
export interface Tensor {
  dtype: unknown;
  shape: unknown;
  /** A part of the file, not a copy of it. */
  bytes: Uint8Array;
}

export interface Safetensors {
  texts: Map<string, string>;
  tensors: Map<string, Tensor>;
}

/** Reads a safetensors file of at most 16 MiB. */
export function readSafetensors(data: Uint8Array): Safetensors {
  if (data.length > MOST_FILE_BYTES) throw new UnreadableFile("too large for a file of tables");
  if (data.length < LENGTH_BYTES) throw new UnreadableFile("not a readable file of tables: it ends too early");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > Math.min(MOST_HEADER_BYTES, data.length - LENGTH_BYTES)) {
    throw new UnreadableFile("not a readable file of tables: its header is too large");
  }
  const header = readJson(new TextDecoder().decode(data.subarray(LENGTH_BYTES, LENGTH_BYTES + length)));
  const content = data.subarray(LENGTH_BYTES + length);
  const result: Safetensors = { texts: new Map(), tensors: new Map() };
  for (const [name, entry] of Object.entries(fieldsOf(header))) {
    if (name === "__metadata__") {
      for (const [key, text] of Object.entries(fieldsOf(entry))) result.texts.set(key, String(text));
    } else {
      const { dtype, shape, data_offsets } = fieldsOf(entry);
      result.tensors.set(name, { dtype, shape, bytes: partOf(content, data_offsets) });
    }
  }
  return result;
}

/** The fields of a JSON object; refuses anything else. */
export function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UnreadableFile("not a readable file of tables: its header is not as it should be");
}

/** What a text of JSON stands for. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableFile("not a readable file of tables: its header is no JSON");
  }
}

function partOf(content: Uint8Array, offsets: unknown): Uint8Array {
  const [start, end] = Array.isArray(offsets) ? offsets : [];
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start > end || end > content.length) {
    throw new UnreadableFile("not a readable file of tables: a tensor lies outside of it");
  }
  return content.subarray(start, end);
}
