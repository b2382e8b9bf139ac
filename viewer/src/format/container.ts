/** The .grain file; formats/container.py specifies it. */
import { equal, startsWith } from "./bytes.ts";
import { checksum } from "./crc32.ts";
import { UnreadableFile } from "./errors.ts";
import { LONG_VERSION, PARAMETER_BYTES, type Parameters, readParameters, SHORT_VERSION } from "./parameters.ts";

export const MAGIC = Uint8Array.of(0x8a, 0x47, 0x52, 0x4e);
export const MOST_PAYLOAD = 4095;
export const EXIF = "02";
export const XMP = "06";

const MOST_SHORT_PAYLOAD = 768;
const MOST_CHUNK_BYTES = 1 << 20;
const MOST_LEB128_BYTES = 4;
const CHUNKS_FOLLOW = 1;
export const GREY_FACE = 2;
const HEADER_BYTES = MAGIC.length + PARAMETER_BYTES;
export const TRAILER_BYTES = 3;
const OVERHEAD = HEADER_BYTES + TRAILER_BYTES;
const MOST_FILE = OVERHEAD + 2 + MOST_PAYLOAD + MOST_CHUNK_BYTES;

/** Metadata that travel with a face. */
export interface Chunk {
  /** Two hexadecimal digits. */
  tag: string;
  data: Uint8Array;
}

/** The content of a .grain file. */
export interface StoredFace {
  fineQuality: number;
  fingerprint: string;
  payload: Uint8Array;
  /** In ascending order of tags. */
  chunks: Chunk[];
  /** The photograph had no colour. */
  grey: boolean;
}

/** Reads a .grain file, and refuses all bytes that the encoder does not write. */
export function unpack(data: Uint8Array): StoredFace {
  const { flags, version, fineQuality, fingerprint } = readHeader(data);
  const content = data.subarray(0, -TRAILER_BYTES);
  if (!equal(data.subarray(-TRAILER_BYTES), checksum(content))) {
    throw new UnreadableFile("the file is damaged or cut short: its checksum does not fit its content");
  }
  const reader = new Reader(content.subarray(HEADER_BYTES));
  const chunked = Boolean(flags & CHUNKS_FOLLOW);
  const payload = reader.take(chunked ? reader.leb128() : reader.rest.length, MOST_PAYLOAD);
  if (payload.at(-1) === 0) throw new UnreadableFile("the payload ends in a zero byte, which no encoder writes");
  if (version !== (payload.length > MOST_SHORT_PAYLOAD ? LONG_VERSION : SHORT_VERSION)) {
    throw new UnreadableFile(`a payload of ${payload.length} bytes does not go with format version ${version}`);
  }
  const chunks = chunked ? readChunks(reader) : [];
  return { fineQuality, fingerprint, payload, chunks, grey: Boolean(flags & GREY_FACE) };
}

function readHeader(data: Uint8Array): Parameters {
  if (!startsWith(MAGIC, data.subarray(0, MAGIC.length))) {
    throw new UnreadableFile("this is no .grain file: it does not start with the bytes 8a 47 52 4e");
  }
  if (data.length < OVERHEAD) {
    throw new UnreadableFile(`the file ends after ${data.length} bytes; every .grain file has at least ${OVERHEAD}`);
  }
  // Version and flags are checked before the checksum, because another version may have another checksum.
  const parameters = readParameters(data.subarray(MAGIC.length, HEADER_BYTES), CHUNKS_FOLLOW | GREY_FACE);
  const most = parameters.flags & CHUNKS_FOLLOW ? MOST_FILE : OVERHEAD + MOST_PAYLOAD;
  if (data.length > most) {
    throw new UnreadableFile(`the file has ${data.length} bytes; one of its kind has at most ${most}`);
  }
  return parameters;
}

function readChunks(reader: Reader): Chunk[] {
  if (reader.rest.length === 0 || reader.rest.length > MOST_CHUNK_BYTES) {
    throw new UnreadableFile(`the file has ${reader.rest.length} bytes of chunks, not 1 to ${MOST_CHUNK_BYTES}`);
  }
  const chunks: Chunk[] = [];
  while (reader.rest.length) {
    const number = reader.byte();
    const tag = number.toString(16).padStart(2, "0");
    const last = chunks.at(-1);
    if (last && tag <= last.tag) {
      throw new UnreadableFile(`chunk ${tag} follows chunk ${last.tag}, but tags ascend`);
    }
    chunks.push({ tag, data: reader.take(reader.leb128(), MOST_CHUNK_BYTES) });
    // No critical chunk is known yet.
    if (number & 1) throw new UnreadableFile(`the face needs a reader that knows chunk ${tag}`);
  }
  return chunks;
}

/** Reads bytes in order, and checks every length against what is left before it uses it. */
class Reader {
  rest: Uint8Array;

  constructor(content: Uint8Array) {
    this.rest = content;
  }

  /** The next `count` bytes; refuses where fewer are left, or where `count` exceeds `most`. */
  take(count: number, most: number): Uint8Array {
    const possible = Math.min(this.rest.length, most);
    if (count > possible) {
      throw new UnreadableFile(`the file claims ${count} bytes where it can have ${possible}`);
    }
    const taken = new Uint8Array(this.rest.subarray(0, count));
    this.rest = this.rest.subarray(count);
    return taken;
  }

  byte(): number {
    return this.take(1, 1)[0]!;
  }

  /** The next LEB128 number, in its shortest spelling. */
  leb128(): number {
    let value = 0;
    for (let shift = 0; shift < 7 * MOST_LEB128_BYTES; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift) throw new UnreadableFile("a length is not written as short as can be");
        return value;
      }
    }
    throw new UnreadableFile(`a length takes more than ${MOST_LEB128_BYTES} bytes`);
  }
}
