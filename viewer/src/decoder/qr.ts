// Finds the contents of QR codes in pictures.

import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import { requireWebAssembly } from "./webassembly.ts";

const MOST_PIXELS = 12e6; // A larger photograph is reduced; a code that fills a fair part of it stays readable.

/** Contents of the QR codes in pixels. */
export async function qrContents(pixels: ImageData): Promise<Uint8Array[]> {
  requireWebAssembly();
  prepareZXingModule({ overrides: { locateFile } });
  const found = await readBarcodes(pixels, { formats: ["QRCode"], maxNumberOfSymbols: 16 });
  return found.filter((code) => code.isValid).map((code) => code.bytes);
}

/** The pixels of a picture file; null where the browser cannot open it as a picture. */
export async function openPicture(file: Blob): Promise<ImageData | null> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return null;
  }
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (picture.width * picture.height)));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) return null;
  context.fillStyle = "white"; // A code may be dark on nothing.
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  return context.getImageData(0, 0, width, height);
}

function locateFile(name: string): string {
  return new URL(`runtimes/${name}`, self.location.href).href;
}
