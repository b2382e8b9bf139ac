/** Signed levels; grain_codec/coding/level_coder.py specifies their coding. */
import { UnreadableFile } from "./errors.ts";
import type { RangeDecoder } from "./range-decoder.ts";

export const TOTAL_BITS = 16;
export const ALPHABET = 16;
const ESCAPE = ALPHABET - 1;
const MOST_ESCAPE_BITS = 12;
const SCALES_PER_OCTAVE = 8;

/** Reads levels, each with an alphabet of frequencies that its scale index chooses. */
export class LevelDecoder {
  readonly #rows: Int32Array[] = [];
  readonly #range: RangeDecoder;

  /** Takes the alphabets `[alphabets, ALPHABET + 1]`, each row rising from 0 to 2 ** TOTAL_BITS. */
  constructor(cumulative: Int32Array, range: RangeDecoder) {
    for (let start = 0; start < cumulative.length; start += ALPHABET + 1) {
      this.#rows.push(cumulative.subarray(start, start + ALPHABET + 1));
    }
    this.#range = range;
  }

  decode(scale: number): number {
    const range = this.#range;
    const rawBits = Math.max(0, Math.ceil((scale - this.#rows.length + 1) / SCALES_PER_OCTAVE));
    let magnitude = this.#decodeSymbol(this.#rows[scale - SCALES_PER_OCTAVE * rawBits]!);
    if (magnitude === ESCAPE) {
      const length = range.decodeBits(4) + 1;
      if (length > MOST_ESCAPE_BITS) throw new UnreadableFile("the payload holds a level that no encoder writes");
      magnitude += (1 << (length - 1)) + range.decodeBits(length - 1) - 1;
    }
    if (rawBits) magnitude = (magnitude << rawBits) | range.decodeBits(rawBits);
    return magnitude && range.decodeBits(1) ? -magnitude : magnitude;
  }

  #decodeSymbol(row: Int32Array): number {
    const part = this.#range.decodePart(TOTAL_BITS);
    let symbol = 0;
    while (row[symbol + 1]! <= part) symbol++;
    this.#range.consume(row[symbol]!, row[symbol + 1]! - row[symbol]!, TOTAL_BITS);
    return symbol;
  }
}
