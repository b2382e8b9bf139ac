/** The range coder of grain_codec/coding/range_coder.py. No number here exceeds 2 ** 48, so doubles hold them exactly. */
import { UnreadableFile } from "./errors.ts";

const RANGE_BYTES = 6;
const WHOLE_RANGE = 2 ** (8 * RANGE_BYTES);
const LEAST_RANGE = WHOLE_RANGE / 256;

export const NO_ENCODER_WRITES_IT = "the payload is not one that an encoder writes";

/** Reads symbols; past the end of the payload it reads zeros. */
export class RangeDecoder {
  readonly #payload: Uint8Array;
  #position = 0;
  #range = WHOLE_RANGE;
  /** How far the payload lies above the lower end of the interval. */
  #offset = 0;

  constructor(payload: Uint8Array) {
    this.#payload = payload;
    while (this.#position < RANGE_BYTES) this.#takeByte();
  }

  /** Which of 2 ** bits equal parts of the interval the payload lies in; call `consume` afterwards. */
  decodePart(bits: number): number {
    const part = Math.floor(this.#offset / this.#partWidth(bits));
    if (part >= 2 ** bits) throw new UnreadableFile(NO_ENCODER_WRITES_IT);
    return part;
  }

  /** Removes the symbol that owns the parts [start, start + size) of 2 ** bits. */
  consume(start: number, size: number, bits: number): void {
    const width = this.#partWidth(bits);
    this.#offset -= width * start;
    this.#range = width * size;
    while (this.#range < LEAST_RANGE) {
      this.#takeByte();
      this.#range *= 256;
    }
  }

  /** Reads `count` equally likely bits. */
  decodeBits(count: number): number {
    const value = this.decodePart(count);
    this.consume(value, 1, count);
    return value;
  }

  /**
   * Tells whether the payload is what the encoder makes of the symbols read: the shortest byte string in the final
   * interval, and of several the one of least value. This needs no encoder, because the decoder knows where in the
   * interval the payload lies. A unit is the value of one in the payload's last byte.
   */
  endsAsEncoded(): boolean {
    const length = this.#payload.length;
    if (length === 0) return true;
    const last = this.#payload[length - 1]!;
    const unit = 256 ** (this.#position - length);
    const isRead = unit >= 1;
    const isLeast = this.#offset < unit;
    // The next string that is one byte shorter lies beyond the interval. The one before it lies below, as the payload
    // is the least string of its length.
    const isShortest = last > 0 && (256 - last) * unit >= this.#range - this.#offset;
    return isRead && isLeast && isShortest;
  }

  #partWidth(bits: number): number {
    return Math.floor(this.#range / 2 ** bits);
  }

  #takeByte(): void {
    this.#offset = this.#offset * 256 + (this.#payload[this.#position] ?? 0);
    this.#position++;
  }
}
