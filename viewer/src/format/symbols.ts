/** The symbols of a face from its payload; grain_codec/models/face1024/symbols.py specifies their coding. */
import { bandOf, CELLS, CLASSES, DetailContext, INTERLEAVED, THUMBNAIL_GROUP, ThumbnailContext } from "./contexts.ts";
import { UnreadableFile } from "./errors.ts";
import { LevelDecoder } from "./level-decoder.ts";
import { NO_ENCODER_WRITES_IT, RangeDecoder } from "./range-decoder.ts";

export const ANCHOR_SPACING = 8;
const MOST_SCALE = 151;

/** The integer tables of the entropy coder. */
export interface SymbolTables {
  sizes: Sizes;
  /** Scale indices `[anchors, thumbnail components]`. */
  thumbnailScales: Uint8Array;
  /** Scale indices `[anchors, CELLS, detail components]`. */
  detailScales: Uint8Array;
  /** `[CLASSES]`, added to a scale index. */
  thumbnailContext: Int8Array;
  /** `[BANDS, CLASSES, CLASSES]`, by the class of the cell and of its surroundings. */
  detailContext: Int8Array;
  /** `[alphabets, ALPHABET + 1]`, the rows of the level coder. */
  cumulative: Int32Array;
}

export interface Sizes {
  thumbnailComponents: number;
  detailComponents: number;
  fineQualities: number;
}

/** The record of a face: fine quality, levels of the thumbnail, levels of the details cell by cell. */
export function decodeSymbols(payload: Uint8Array, fineQuality: number, tables: SymbolTables): Int32Array {
  const { fineQualities, thumbnailComponents, detailComponents } = tables.sizes;
  if (fineQuality >= fineQualities) {
    throw new UnreadableFile(`fine quality ${fineQuality} is beyond the model's ${fineQualities - 1}`);
  }
  const record = new Int32Array(1 + thumbnailComponents + CELLS * detailComponents);
  record[0] = fineQuality;
  const range = new RangeDecoder(payload);
  const decoder = new LevelDecoder(tables.cumulative, range);
  decodeThumbnail(thumbnailLevels(record, tables.sizes), fineQuality, tables, decoder);
  decodeDetails(record.subarray(1 + thumbnailComponents), fineQuality, tables, decoder);
  if (!range.endsAsEncoded()) throw new UnreadableFile(NO_ENCODER_WRITES_IT);
  return record;
}

/** The part of a record that holds the levels of the thumbnail. */
export function thumbnailLevels(record: Int32Array, sizes: Sizes): Int32Array {
  return record.subarray(1, 1 + sizes.thumbnailComponents);
}

function decodeThumbnail(levels: Int32Array, fineQuality: number, tables: SymbolTables, decoder: LevelDecoder): void {
  const base = interpolateAnchors(tables.thumbnailScales, levels.length, fineQuality);
  const context = new ThumbnailContext();
  for (let start = 0; start < levels.length; start += THUMBNAIL_GROUP) {
    const group = levels.subarray(start, start + THUMBNAIL_GROUP);
    const scales = base.subarray(start, start + THUMBNAIL_GROUP);
    const added = tables.thumbnailContext[context.ratioClass()]!;
    for (const [index, scale] of scales.entries()) group[index] = decoder.decode(clipScale(scale + added));
    context.add(group, scales);
  }
}

function decodeDetails(levels: Int32Array, fineQuality: number, tables: SymbolTables, decoder: LevelDecoder): void {
  const base = interpolateAnchors(tables.detailScales, levels.length, fineQuality);
  const components = tables.sizes.detailComponents;
  const context = new DetailContext();
  for (let component = 0; component < components; component++) {
    const classes = tables.detailContext.subarray(CLASSES * CLASSES * bandOf(component));
    for (const cells of INTERLEAVED) {
      // The cells of a group do not see each other's levels, though some border on each other.
      const added = cells.map((cell) => classes[CLASSES * context.inside(cell) + context.around(cell)]!);
      for (const [index, cell] of cells.entries()) {
        const place = cell * components + component;
        const scale = base[place]!;
        const level = decoder.decode(clipScale(scale + added[index]!));
        levels[place] = level;
        context.add(cell, level, scale);
      }
    }
  }
}

/** Scale indices at a fine quality, interpolated between the two nearest of the anchors `[anchors, length]`. */
function interpolateAnchors(anchors: Uint8Array, length: number, fineQuality: number): Uint8Array {
  const row = Math.floor(fineQuality / ANCHOR_SPACING) * length;
  const between = fineQuality % ANCHOR_SPACING;
  return Uint8Array.from({ length }, (_, index) => {
    const [low, high] = [anchors[row + index]!, anchors[row + length + index]!];
    return (low * (ANCHOR_SPACING - between) + high * between + ANCHOR_SPACING / 2) >> 3;
  });
}

function clipScale(scale: number): number {
  return Math.min(Math.max(scale, 0), MOST_SCALE);
}
