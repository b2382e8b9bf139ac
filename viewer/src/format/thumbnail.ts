/** The thumbnail that a face's symbols transmit; grain_codec/models/face1024/thumbnail.py specifies it. */
export const LR_SAMPLES = 768;

const CHANNELS = 3;
const BASIS_BITS = 14;
const STEP_BITS = 16;
const WORKING_BITS = 20;
const MOST_COMPONENT = 2 ** 36;
const LOW_PART = 2 ** 20;

/** Integers that turn thumbnail levels into a picture. */
export interface ThumbnailTables {
  /** `[768]` as channel, row, column, in 1 / 2 ** BASIS_BITS of the image range. */
  thumbnailMean: Int32Array;
  /** `[thumbnail components, 768]`, in the same unit. */
  thumbnailBasis: Int16Array;
  /** `[fine qualities]`, in 1 / 2 ** STEP_BITS of the image range. */
  thumbnailSteps: Int32Array;
}

/** Draws a thumbnail, 768 samples, rows from the top, each pixel R, G, B. */
export function drawThumbnail(levels: Int32Array, fineQuality: number, tables: ThumbnailTables): Uint8Array {
  const centred = sumOfComponents(levels, tables.thumbnailSteps[fineQuality]!, tables.thumbnailBasis);
  const thumbnail = new Uint8Array(LR_SAMPLES);
  for (const [index, value] of centred.entries()) {
    const fixed = value + tables.thumbnailMean[index]! * 2 ** STEP_BITS;
    const working = Math.floor(fixed / 2 ** (BASIS_BITS + STEP_BITS - WORKING_BITS));
    const sample = Math.floor((working * 255 + 2 ** (WORKING_BITS - 1)) / 2 ** WORKING_BITS);
    const pixel = index % (LR_SAMPLES / CHANNELS);
    const channel = Math.floor(index / (LR_SAMPLES / CHANNELS));
    thumbnail[pixel * CHANNELS + channel] = Math.min(Math.max(sample, 0), 255);
  }
  return thumbnail;
}

/**
 * The weighted sum of the principal components, `[768]`.
 *
 * Each weight is summed in two parts, because products of whole weights could exceed 2 ** 53 in a hostile file. Both
 * sums are exact. What they make together is rounded only beyond 2 ** 53, where the sample is 0 or 255 anyway.
 */
function sumOfComponents(levels: Int32Array, step: number, basis: Int16Array): Float64Array {
  const [highs, lows] = [new Float64Array(LR_SAMPLES), new Float64Array(LR_SAMPLES)];
  for (const [index, level] of levels.entries()) {
    const component = basis.subarray(index * LR_SAMPLES, (index + 1) * LR_SAMPLES);
    const weight = Math.min(Math.max(level * step, -MOST_COMPONENT), MOST_COMPONENT);
    const high = Math.trunc(weight / LOW_PART);
    addComponent(highs, high, component);
    addComponent(lows, weight - high * LOW_PART, component);
  }
  return highs.map((high, sample) => high * LOW_PART + lows[sample]!);
}

function addComponent(sums: Float64Array, weight: number, component: Int16Array): void {
  if (weight === 0) return;
  for (let sample = 0; sample < LR_SAMPLES; sample++) sums[sample]! += weight * component[sample]!;
}
