/** The PNG of 16x16 pixels that holds a face; formats/png_carrier.py specifies it. */
import { equal, toLatin1 } from "./bytes.ts";
import { type Chunk, EXIF, GREY_FACE, MOST_PAYLOAD, TRAILER_BYTES, XMP } from "./container.ts";
import { checksum } from "./crc32.ts";
import { UnreadableFile } from "./errors.ts";
import { LONG_VERSION, PARAMETER_BYTES, type Parameters, readParameters } from "./parameters.ts";
import { type PngChunk, readPng } from "./png-chunks.ts";
import { readPixels } from "./png-pixels.ts";

const PRIVATE_CHUNK = "grIn";
const METADATA = [
  { tag: EXIF, kind: "eXIf", prefix: "" },
  { tag: XMP, kind: "iTXt", prefix: "XML:com.adobe.xmp\0\0\0\0\0" },
];

/** The content of a carrier image. */
export interface Carrier {
  /** RGB samples `[16, 16, 3]`. */
  pixels: Uint8Array;
  /** Null where the private chunk is missing. */
  parameters: Parameters | null;
  /** The payload without the LR image's part. */
  tail: Uint8Array;
  /** EXIF and XMP, as a .grain file has them. */
  chunks: Chunk[];
}

/** Reads a carrier image, whichever program wrote it. */
export function unpackCarrier(data: Uint8Array): Carrier {
  const { layout, chunks } = readPng(data);
  const [held, second] = chunks.filter((chunk) => chunk.kind === PRIVATE_CHUNK).map((chunk) => chunk.content);
  if (second) throw new UnreadableFile("the carrier image has its private chunk twice");
  const parameters = held ? readPrivate(held) : null;
  const pixels = readPixels(chunks, layout);
  const carrier = { pixels, parameters, tail: new Uint8Array(), chunks: readMetadata(chunks) };
  if (!held) return carrier;
  const tail = held.subarray(PARAMETER_BYTES, -TRAILER_BYTES);
  const crc = checksum(held.subarray(0, PARAMETER_BYTES), pixels, tail);
  if (!equal(held.subarray(-TRAILER_BYTES), crc)) {
    throw new UnreadableFile("the pixels were altered: they do not fit the checksum in the private chunk");
  }
  return { ...carrier, tail };
}

function readPrivate(content: Uint8Array): Parameters {
  const tailBytes = content.length - PARAMETER_BYTES - TRAILER_BYTES;
  // The version is checked before the length, because a later version may have a longer chunk.
  const parameters = content.length < PARAMETER_BYTES ? null : readParameters(content, GREY_FACE);
  const hasTail = tailBytes > 0 && tailBytes < MOST_PAYLOAD;
  if (!parameters || !(parameters.version === LONG_VERSION ? hasTail : tailBytes === 0)) {
    throw new UnreadableFile(`the private chunk has ${content.length} bytes, which no version of it has`);
  }
  return parameters;
}

/** The first EXIF and the first XMP of a PNG; compressed XMP is ignored. */
function readMetadata(chunks: PngChunk[]): Chunk[] {
  return METADATA.flatMap(({ tag, kind, prefix }) => {
    const begins = (content: Uint8Array) => toLatin1(content.subarray(0, prefix.length)) === prefix;
    const found = chunks.find((chunk) => chunk.kind === kind && begins(chunk.content));
    return found ? [{ tag, data: new Uint8Array(found.content.subarray(prefix.length)) }] : [];
  });
}
