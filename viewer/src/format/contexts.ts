/**
 * How large the levels decoded so far are, compared with what the tables expect, sorted into classes;
 * grain_codec/models/face1024/contexts.py specifies it. Magnitudes are in 1 / EXPECTED_UNIT levels and their sums stay
 * below 2 ** 49, whatever a file says, so doubles hold them exactly.
 */
export const GRID = 16;
export const CELLS = GRID * GRID;
export const CLASSES = 8;
export const BANDS = 4;
export const THUMBNAIL_GROUP = 16;

const EXPECTED_UNIT = 4096;
const PRIOR = EXPECTED_UNIT / 4;
const LEAST_SCALE_OCTAVE = -9;
const EIGHTHS = [256, 279, 304, 332, 362, 395, 431, 470]; // 2 ** (k / 8) in 1/256.
const SECOND_BAND = 1;
const THIRD_BAND = 4;
const FOURTH_BAND = 12;

/** Bounds between the classes of the ratio of found to expected magnitude, as fractions. */
const RATIO_BOUNDS = [
  [1, 4],
  [2, 5],
  [3, 5],
  [5, 6],
  [6, 5],
  [7, 4],
  [3, 1],
] as const;

/** The magnitude that each scale index, 0 to 255, stands for. */
const EXPECTED = Float64Array.from({ length: 256 }, (_, index) => {
  const octave = Math.floor(index / 8) + LEAST_SCALE_OCTAVE;
  return Math.max(1, Math.floor((EIGHTHS[index % 8]! * EXPECTED_UNIT * 2 ** octave) / 256));
});

/** Cells on even rows and columns, cells on odd ones, and the rest, in the order in which they are coded. */
export const INTERLEAVED = [0, 1, 2].map((group) =>
  Array.from({ length: CELLS }, (_, cell) => cell).filter((cell) => groupOf(cell) === group),
);

function groupOf(cell: number): number {
  const [row, column] = [Math.floor(cell / GRID) % 2, cell % 2];
  return row === column ? row : 2;
}

/** The cells that border on each cell. */
const NEIGHBOURS = Array.from({ length: CELLS }, (_, cell) => {
  const near = (place: number) => [place - 1, place, place + 1].filter((other) => other >= 0 && other < GRID);
  const block = near(Math.floor(cell / GRID)).flatMap((row) => near(cell % GRID).map((column) => row * GRID + column));
  return block.filter((other) => other !== cell);
});

/** The context band of a detail component. */
export function bandOf(component: number): number {
  return Number(component >= SECOND_BAND) + Number(component >= THIRD_BAND) + Number(component >= FOURTH_BAND);
}

/** The magnitudes of thumbnail levels so far, of which the last groups count most. */
export class ThumbnailContext {
  #found = 0;
  #expected = 0;

  /** The class of the levels of the next group. */
  ratioClass(): number {
    return ratioClass(this.#found, this.#expected);
  }

  /** Adds a group of levels with the scale indices that the tables have for them. */
  add(levels: Int32Array, scales: Uint8Array): void {
    this.#found = Math.floor(this.#found / 2);
    this.#expected = Math.floor(this.#expected / 2);
    for (const level of levels) this.#found += EXPECTED_UNIT * Math.abs(level);
    for (const scale of scales) this.#expected += EXPECTED[scale]!;
  }
}

/** The magnitudes of detail levels so far in each cell, of which the last components count most. */
export class DetailContext {
  readonly #found = new Float64Array(CELLS);
  readonly #expected = new Float64Array(CELLS);

  /** The class of a cell by the levels in it. */
  inside(cell: number): number {
    return ratioClass(this.#found[cell]!, this.#expected[cell]!);
  }

  /** The class of a cell by the levels in the cells around it. */
  around(cell: number): number {
    let [found, expected] = [0, 0];
    for (const neighbour of NEIGHBOURS[cell]!) {
      found += this.#found[neighbour]!;
      expected += this.#expected[neighbour]!;
    }
    return ratioClass(found, expected);
  }

  /** Adds a level of a cell with the scale index that the tables have for it. */
  add(cell: number, level: number, scale: number): void {
    this.#found[cell] = Math.floor((this.#found[cell]! * 7) / 8) + EXPECTED_UNIT * Math.abs(level);
    this.#expected[cell] = Math.floor((this.#expected[cell]! * 7) / 8) + EXPECTED[scale]!;
  }
}

/** The class of the ratio of found to expected magnitude; where both are small, the class is in the middle. */
function ratioClass(found: number, expected: number): number {
  let reached = 0;
  for (const [above, below] of RATIO_BOUNDS) {
    if (found >= Math.ceil(((expected + PRIOR) * above) / below) - PRIOR) reached++;
  }
  return reached;
}
