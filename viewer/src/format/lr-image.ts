/** The LR image: the thumbnail with the payload as noise; grain_codec/coding/lr_image.py specifies it. */
import { concatenate } from "./bytes.ts";
import { UnreadableFile } from "./errors.ts";
import { LR_SAMPLES } from "./thumbnail.ts";

const BASE_SAMPLES = 2;
const BASE_MODULUS = 8;
const DIGITS = LR_SAMPLES - BASE_SAMPLES;
const TAIL_MARK = BASE_MODULUS ** BASE_SAMPLES - 1; // Stands for the base where a tail follows.

/** Bytes of the largest payloads that fit in each base, from base 0 on. */
const LARGEST_PAYLOADS = Array.from({ length: TAIL_MARK + 1 }, (_, base) => {
  const capacity = BigInt(base) ** BigInt(DIGITS);
  return Math.floor((capacity.toString(2).length - 1) / 8);
});
const MOST_HEAD = LARGEST_PAYLOADS[33]!;
const HEAD_BEFORE_TAIL = LARGEST_PAYLOADS[28]!;

/** Bytes of a payload that follow the LR image, because it does not carry them. */
export function tailLength(payload: Uint8Array): number {
  return payload.length > MOST_HEAD ? payload.length - HEAD_BEFORE_TAIL : 0;
}

/** The LR image, 768 samples, that shows `thumbnail` and carries the head of `payload`. */
export function embed(payload: Uint8Array, thumbnail: Uint8Array): Uint8Array {
  const tail = tailLength(payload);
  const head = payload.subarray(0, payload.length - tail);
  const base = baseOf(head.length);
  const mark = tail ? TAIL_MARK : base - 1;
  const digits = digitsOf(numberOf(head, 256), base);
  return thumbnail.map((value, sample) => {
    if (sample >= BASE_SAMPLES) return nearestWithRemainder(value, digits[sample - BASE_SAMPLES]!, base);
    return nearestWithRemainder(value, sample ? mark % BASE_MODULUS : Math.floor(mark / BASE_MODULUS), BASE_MODULUS);
  });
}

/** The payload that an LR image and its tail carry. */
export function extract(pixels: Uint8Array, tail: Uint8Array): Uint8Array {
  const mark = (pixels[0]! % BASE_MODULUS) * BASE_MODULUS + (pixels[1]! % BASE_MODULUS);
  const hasTail = tail.length > 0;
  if ((mark === TAIL_MARK) !== hasTail) {
    const lacking = hasTail ? "carries the whole payload, but there is a tail too" : "lacks the tail of its payload";
    throw new UnreadableFile(`the LR image ${lacking}`);
  }
  const base = hasTail ? baseOf(HEAD_BEFORE_TAIL) : mark + 1;
  const shortest = bytesOf(numberOf(pixels.subarray(BASE_SAMPLES), base));
  const length = hasTail ? HEAD_BEFORE_TAIL : shortest.length;
  if (shortest.length > Math.min(length, MOST_HEAD) || baseOf(length) !== base) {
    throw new UnreadableFile("the LR image does not carry a payload");
  }
  return concatenate(shortest, new Uint8Array(length - shortest.length), tail);
}

/** The smallest base in which every payload of that many bytes has at most DIGITS digits. */
function baseOf(payloadBytes: number): number {
  return LARGEST_PAYLOADS.findIndex((largest, base) => base > 0 && largest >= payloadBytes);
}

/** The number whose digits are the remainders of `values` modulo `base`, the lowest first. */
function numberOf(values: Uint8Array, base: number): bigint {
  let number = 0n;
  for (let index = values.length - 1; index >= 0; index--) {
    number = number * BigInt(base) + BigInt(values[index]! % base);
  }
  return number;
}

/** The bytes of a number, the lowest first; none for 0. */
function bytesOf(number: bigint): Uint8Array {
  const bytes: number[] = [];
  for (let rest = number; rest; rest >>= 8n) bytes.push(Number(rest & 255n));
  return Uint8Array.from(bytes);
}

/** The DIGITS digits of a number, the lowest first. */
function digitsOf(number: bigint, base: number): number[] {
  const divisor = BigInt(base);
  let rest = number;
  return Array.from({ length: DIGITS }, () => {
    const digit = Number(rest % divisor);
    rest /= divisor;
    return digit;
  });
}

/** The nearest value in 0..255 with the given remainder; the lower one of two at equal distance. */
function nearestWithRemainder(value: number, remainder: number, modulus: number): number {
  const below = value - ((((value - remainder) % modulus) + modulus) % modulus);
  const above = below + modulus;
  const takesAbove = above - value < value - below || below < 0;
  return takesAbove && above <= 255 ? above : below;
}
