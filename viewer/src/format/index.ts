/** Files of face-1024, from their bytes to the symbols that the networks draw. */
import { faceInText } from "./base45.ts";
import { equal } from "./bytes.ts";
import { type Chunk, GREY_FACE, type StoredFace, unpack } from "./container.ts";
import { OtherWeights, UnreadableFile } from "./errors.ts";
import { embed, extract, tailLength } from "./lr-image.ts";
import { unpackCarrier } from "./png-carrier.ts";
import { isPng } from "./png-chunks.ts";
import { decodeSymbols, thumbnailLevels } from "./symbols.ts";
import type { Tables } from "./tables.ts";
import { drawThumbnail } from "./thumbnail.ts";

export type { Chunk } from "./container.ts";
export { OtherWeights, UnreadableFile } from "./errors.ts";
export { readTables, type Tables } from "./tables.ts";

/** The content of a file. */
export interface Face {
  /** "text" is a .grain file as Base45. */
  carrier: "grain" | "png" | "text";
  /** Of the .grain file or the PNG; a text counts as the .grain file that it stands for. */
  fileBytes: number;
  payloadBytes: number;
  /** The part of the payload that the LR image does not carry. */
  tailBytes: number;
  fineQuality: number;
  /** Of the weights that the face was encoded with: six hexadecimal digits. */
  fingerprint: string;
  /** 768 samples, rows from the top, RGB. */
  lrImage: Uint8Array;
  /** The LR image without the payload's noise, in the same order. */
  thumbnail: Uint8Array;
  /** The record of the face, the input of the networks. */
  symbols: Int32Array;
  /** EXIF, XMP and the like, by tag in two hexadecimal digits. */
  chunks: Chunk[];
  /** The photograph had no colour, and the face is drawn without any. */
  grey: boolean;
}

/**
 * Reads a .grain file, a carrier PNG or a text of Base45, whichever the content is.
 *
 * Throws OtherWeights for a face of other weights than the tables', and UnreadableFile for all else that cannot be read.
 */
export async function readFace(bytes: Uint8Array, tables: Tables): Promise<Face> {
  if (isPng(bytes)) return readCarrier(bytes, tables);
  const inText = faceInText(bytes);
  return inText ? readContainer(inText, "text", tables) : readContainer(bytes, "grain", tables);
}

function readContainer(file: Uint8Array, carrier: Face["carrier"], tables: Tables): Face {
  const stored = unpack(file);
  checkFingerprint(stored.fingerprint, tables);
  return decode(stored, carrier, file.length, tables);
}

function readCarrier(file: Uint8Array, tables: Tables): Face {
  const { parameters, pixels, tail, chunks } = unpackCarrier(file);
  if (!parameters) throw new UnreadableFile("the PNG has lost the chunk that names its quality");
  const { fineQuality, fingerprint, flags } = parameters;
  checkFingerprint(fingerprint, tables);
  const stored = { fineQuality, fingerprint, payload: extract(pixels, tail), chunks, grey: Boolean(flags & GREY_FACE) };
  const face = decode(stored, "png", file.length, tables);
  if (!equal(face.lrImage, pixels)) {
    throw new UnreadableFile("the LR image was altered, or is of another quality or model");
  }
  return face;
}

function checkFingerprint(fingerprint: string, tables: Tables): void {
  if (fingerprint !== tables.fingerprint) {
    const ours = `${tables.name} has ${tables.fingerprint}`;
    throw new OtherWeights(`encoded with the weights ${fingerprint}, and ${ours}`);
  }
}

function decode(stored: StoredFace, carrier: Face["carrier"], fileBytes: number, tables: Tables): Face {
  const { payload, fineQuality, fingerprint, chunks, grey } = stored;
  const symbols = decodeSymbols(payload, fineQuality, tables);
  const thumbnail = drawThumbnail(thumbnailLevels(symbols, tables.sizes), fineQuality, tables);
  return {
    carrier,
    fileBytes,
    payloadBytes: payload.length,
    tailBytes: tailLength(payload),
    fineQuality,
    fingerprint,
    lrImage: embed(payload, thumbnail),
    thumbnail,
    symbols,
    chunks,
    grey,
  };
}
