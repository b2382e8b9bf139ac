/** Base45 (RFC 9285): .grain files as text in QR codes; formats/qr_carrier.py says how they hold them. */
import { startsWith, toLatin1 } from "./bytes.ts";
import { MAGIC } from "./container.ts";

const CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const MOST_TEXT = 4296 + 2; // Characters of the longest text in a QR code, and of a line break after it.

/** The .grain file that a text stands for; null where it is something else. */
export function faceInText(text: Uint8Array): Uint8Array | null {
  if (text.length > MOST_TEXT) return null;
  const face = decodeBase45(toLatin1(text).replace(/[\r\n]+$/, ""));
  return face && startsWith(face, MAGIC) ? face : null;
}

/** The bytes that a text stands for; null where it is no Base45. */
export function decodeBase45(text: string): Uint8Array | null {
  const bytes: number[] = [];
  for (let start = 0; start < text.length; start += 3) {
    const values = Array.from(text.slice(start, start + 3), (character) => CHARACTERS.indexOf(character));
    const number = values.reduceRight((sum, value) => 45 * sum + value, 0);
    const count = values.length - 1;
    if (count === 0 || values.includes(-1) || number >= 256 ** count) return null;
    if (count === 2) bytes.push(number >> 8);
    bytes.push(number & 255);
  }
  return Uint8Array.from(bytes);
}
