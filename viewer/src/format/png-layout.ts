/** How a PNG of 16x16 pixels stores them, as its header tells. */
import { GRID } from "./contexts.ts";
import { UnreadableFile } from "./errors.ts";

export const [GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA] = [0, 2, 3, 4, 6];

export const HEADER_BYTES = 13;
const SAMPLES = new Map([
  [GREY, 1],
  [RGB, 3],
  [PALETTE, 1],
  [GREY_ALPHA, 2],
  [RGB_ALPHA, 4],
]);
const DEPTHS = new Map([
  [GREY, [1, 2, 4, 8, 16]],
  [RGB, [8, 16]],
  [PALETTE, [1, 2, 4, 8]],
  [GREY_ALPHA, [8, 16]],
  [RGB_ALPHA, [8, 16]],
]);

/** Pixels that are stored together: those of some columns and some rows. */
export interface Pass {
  column: number;
  row: number;
  columnStep: number;
  rowStep: number;
}

const WHOLE: Pass[] = [{ column: 0, row: 0, columnStep: 1, rowStep: 1 }];
const INTERLACED: Pass[] = [
  { column: 0, row: 0, columnStep: 8, rowStep: 8 },
  { column: 4, row: 0, columnStep: 8, rowStep: 8 },
  { column: 0, row: 4, columnStep: 4, rowStep: 8 },
  { column: 2, row: 0, columnStep: 4, rowStep: 4 },
  { column: 0, row: 2, columnStep: 2, rowStep: 4 },
  { column: 1, row: 0, columnStep: 2, rowStep: 2 },
  { column: 0, row: 1, columnStep: 1, rowStep: 2 },
];

export interface Layout {
  colourType: number;
  /** Bits of a sample, 1 to 8. */
  depth: number;
  /** Samples of a pixel. */
  samples: number;
  passes: Pass[];
}

/** Reads the 13 bytes of a PNG's header, and refuses images that cannot be carriers. */
export function readLayout(header: Uint8Array): Layout {
  const view = new DataView(header.buffer, header.byteOffset, HEADER_BYTES);
  const [columns, rows] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType] = [view.getUint8(8), view.getUint8(9)];
  const [compression, filtering, interlacing] = [view.getUint8(10), view.getUint8(11), view.getUint8(12)];
  if (columns !== GRID || rows !== GRID) {
    throw new UnreadableFile(`a carrier image has ${GRID}x${GRID} pixels; this one has ${columns}x${rows}`);
  }
  const samples = SAMPLES.get(colourType);
  if (!samples || !DEPTHS.get(colourType)?.includes(depth) || compression || filtering || interlacing > 1) {
    throw new UnreadableFile("the header of the PNG breaks the rules of PNG");
  }
  if (depth === 16) throw new UnreadableFile("a carrier image has 8 bits a sample; this one has 16");
  return { colourType, depth, samples, passes: interlacing ? INTERLACED : WHOLE };
}

/** Bytes of a row of a pass, without the byte that names its filter. */
export function rowBytes(pass: Pass, layout: Layout): number {
  const columns = Math.ceil((GRID - pass.column) / pass.columnStep);
  return Math.ceil((columns * layout.samples * layout.depth) / 8);
}

/** Size of all pixels with the filter byte of each row, before compression. */
export function inflatedBytes(layout: Layout): number {
  const rows = (pass: Pass) => Math.ceil((GRID - pass.row) / pass.rowStep);
  return layout.passes.reduce((sum, pass) => sum + rows(pass) * (1 + rowBytes(pass, layout)), 0);
}
