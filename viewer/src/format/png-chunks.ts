/** The chunks of a PNG of 16x16 pixels; formats/png_carrier.py says which ones a carrier may have. */
import { startsWith, toLatin1 } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import { UnreadableFile } from "./errors.ts";
import { HEADER_BYTES, type Layout, readLayout } from "./png-layout.ts";

export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

const MOST_FILE = 1 << 16;
const MOST_CHUNKS = 256;
const FRAME_BYTES = 12; // Length, type and CRC of a chunk.
const KNOWN_CRITICAL = ["IHDR", "PLTE", "IDAT", "IEND"];
/** The orders of chunks that PNG allows; any ancillary chunks stand where ~ is. */
const ORDER = new RegExp(
  "^IHDR~(?: PLTE~)?(?: tRNS~)?(?: IDAT)+~ IEND$".replaceAll("~", "(?: (?!tRNS)[a-z][A-Za-z]{3})*"),
);

export interface PngChunk {
  /** Four characters, which are letters unless the file is damaged. */
  kind: string;
  content: Uint8Array;
}

/** Tells whether the data starts with the PNG signature. */
export function isPng(data: Uint8Array): boolean {
  return startsWith(data, SIGNATURE);
}

/** All chunks of a PNG, in an order that PNG allows, and how the first one says that pixels are stored. */
export function readPng(data: Uint8Array): { layout: Layout; chunks: PngChunk[] } {
  const header = readChunk(data, SIGNATURE.length);
  if (header.kind !== "IHDR" || header.content.length !== HEADER_BYTES) {
    throw new UnreadableFile("the PNG does not start with its header");
  }
  const layout = readLayout(header.content);
  if (data.length > MOST_FILE) {
    throw new UnreadableFile(`a carrier image has at most ${MOST_FILE} bytes; this one has ${data.length}`);
  }
  const chunks = readChunks(data);
  for (const { kind } of chunks) {
    if (/^[A-Z]/.test(kind) && !KNOWN_CRITICAL.includes(kind)) {
      throw new UnreadableFile(`the PNG needs a reader that knows the chunk b'${printable(kind)}'`);
    }
  }
  if (!ORDER.test(chunks.map((chunk) => chunk.kind).join(" "))) {
    throw new UnreadableFile("the chunks of the PNG are not in an order that PNG allows");
  }
  return { layout, chunks };
}

function readChunks(data: Uint8Array): PngChunk[] {
  const chunks: PngChunk[] = [];
  let position = SIGNATURE.length;
  for (;;) {
    if (chunks.length === MOST_CHUNKS) throw new UnreadableFile(`the PNG has more than ${MOST_CHUNKS} chunks`);
    const chunk = readChunk(data, position);
    chunks.push(chunk);
    position += FRAME_BYTES + chunk.content.length;
    if (chunk.kind !== "IEND") continue;
    if (position === data.length && chunk.content.length === 0) return chunks;
    throw new UnreadableFile("something follows the end of the PNG");
  }
}

function readChunk(data: Uint8Array, position: number): PngChunk {
  const left = data.length - position - FRAME_BYTES;
  if (left < 0) throw new UnreadableFile("the PNG ends before its last chunk");
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const length = view.getUint32(position);
  if (length > left) {
    throw new UnreadableFile(`a chunk of the PNG claims ${length} bytes; the file has ${left}`);
  }
  const [start, end] = [position + 8, position + 8 + length];
  if (view.getUint32(end) !== crc32(data.subarray(position + 4, end))) {
    throw new UnreadableFile("the PNG is damaged: the checksum of a chunk does not fit its content");
  }
  return { kind: toLatin1(data.subarray(position + 4, start)), content: data.subarray(start, end) };
}

function printable(kind: string): string {
  return kind.replace(/[^\w]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
