// The face in whatever a reader hands over: a file, a text, or a picture of a QR code.

import { type Face, OtherWeights, readFace, type Tables, UnreadableFile } from "../format/index.ts";
import { openPicture, qrContents } from "./qr.ts";

/** No QR code can be read in a picture. */
export class NoCode extends UnreadableFile {}

const MOST_BYTES = 1 << 26; // Of a photograph; files of faces are far smaller, and their readers have limits of their own.
const LR_SIDE = 16;

/** The face in a file; throws UnreadableFile, whose message is about the file. */
export async function faceInFile(file: Blob, tables: Tables): Promise<Face> {
  if (file.size > MOST_BYTES) throw new UnreadableFile("the file is too large for a face or a picture of a QR code");
  try {
    return await readFace(await contentOf(file), tables);
  } catch (error) {
    if (!(error instanceof UnreadableFile) || error instanceof OtherWeights) throw error;
    const pixels = await openPicture(file);
    if (!pixels || (pixels.width === LR_SIDE && pixels.height === LR_SIDE)) throw error;
    return faceInPicture(pixels, tables);
  }
}

/** The one face in the QR codes of a picture; throws UnreadableFile where there is none, or more than one. */
export async function faceInPicture(pixels: ImageData, tables: Tables): Promise<Face> {
  const contents = distinct(await qrContents(pixels));
  if (!contents.length) throw new NoCode("the picture is no 16×16 carrier, and no QR code can be read in it");
  const faces: Face[] = [];
  for (const content of contents) {
    try {
      faces.push(await readFace(content, tables));
    } catch (error) {
      if (!(error instanceof UnreadableFile) || error instanceof OtherWeights) throw error;
    }
  }
  if (!faces[0]) throw new UnreadableFile("the QR code in the picture holds something else than a face");
  if (faces.length > 1) throw new UnreadableFile(`the picture has QR codes of ${faces.length} faces; cut one out`);
  return faces[0];
}

async function contentOf(file: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new UnreadableFile("the browser could not read the file"); // A folder, or a file that is gone.
  }
}

function distinct(contents: Uint8Array[]): Uint8Array[] {
  return [...new Map(contents.map((content) => [content.join(), content])).values()];
}
