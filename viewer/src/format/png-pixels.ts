/** The pixels of a PNG of 16x16 pixels. */
import { concatenate } from "./bytes.ts";
import { GRID } from "./contexts.ts";
import { UnreadableFile } from "./errors.ts";
import { inflateExactly } from "./inflate.ts";
import type { PngChunk } from "./png-chunks.ts";
import { GREY, GREY_ALPHA, inflatedBytes, type Layout, PALETTE, RGB, rowBytes } from "./png-layout.ts";

/** Red, green, blue and opacity, 0 to 255 each. */
type Colour = [number, number, number, number];

/** RGB samples `[16, 16, 3]`; refuses damaged pixels, and pictures that are not opaque. */
export function readPixels(chunks: PngChunk[], layout: Layout): Uint8Array {
  const compressed = chunks.filter((chunk) => chunk.kind === "IDAT").map((chunk) => chunk.content);
  const inflated = inflateExactly(concatenate(...compressed), inflatedBytes(layout));
  const colourOf = readColours(chunks, layout);
  const samples = readSamples(inflated, layout);
  const colours = Array.from({ length: GRID * GRID }, (_, pixel) => {
    const start = pixel * layout.samples;
    return colourOf(samples.subarray(start, start + layout.samples));
  });
  if (colours.some((colour) => colour[3] !== 255)) {
    throw new UnreadableFile("a carrier image is opaque; this one is not");
  }
  return Uint8Array.from(colours.flatMap((colour) => colour.slice(0, 3)));
}

/** What turns the samples of a pixel into its colour; refuses palettes and transparency that break the rules. */
function readColours(chunks: PngChunk[], layout: Layout): (samples: Uint8Array) => Colour {
  const contentOf = (kind: string) => chunks.find((chunk) => chunk.kind === kind)?.content;
  const transparency = contentOf("tRNS");
  if (layout.colourType === PALETTE) {
    return readPalette(contentOf("PLTE") ?? new Uint8Array(), transparency ?? new Uint8Array(), layout.depth);
  }
  if (transparency) {
    throw new UnreadableFile("a carrier image is opaque; this one has a transparent colour");
  }
  const greyUnit = 255 / ((1 << layout.depth) - 1);
  return (samples) => {
    const [first, second, third, fourth] = Array.from(samples) as Colour;
    if (layout.colourType === GREY) return [first * greyUnit, first * greyUnit, first * greyUnit, 255];
    if (layout.colourType === GREY_ALPHA) return [first, first, first, second];
    return [first, second, third, layout.colourType === RGB ? 255 : fourth];
  };
}

function readPalette(palette: Uint8Array, opacity: Uint8Array, depth: number): (samples: Uint8Array) => Colour {
  const colours = palette.length / 3;
  if (!Number.isInteger(colours) || colours < 1 || colours > 1 << depth || opacity.length > colours) {
    throw new UnreadableFile("the palette of the PNG breaks the rules of PNG");
  }
  return (samples) => {
    const colour = samples[0]!;
    if (colour >= colours) throw new UnreadableFile("a pixel of the PNG has a colour that is not in its palette");
    return [palette[3 * colour]!, palette[3 * colour + 1]!, palette[3 * colour + 2]!, opacity[colour] ?? 255];
  };
}

/** The samples of all pixels as they are stored, rows from the top. */
function readSamples(inflated: Uint8Array, layout: Layout): Uint8Array {
  const samples = new Uint8Array(GRID * GRID * layout.samples);
  let position = 0;
  for (const pass of layout.passes) {
    let line = new Uint8Array(rowBytes(pass, layout));
    for (let row = pass.row; row < GRID; row += pass.rowStep) {
      const filtered = inflated.subarray(position + 1, position + 1 + line.length);
      line = unfilter(inflated[position]!, filtered, line, Math.ceil((layout.samples * layout.depth) / 8));
      position += 1 + line.length;
      let index = 0;
      for (let column = pass.column; column < GRID; column += pass.columnStep) {
        for (let sample = 0; sample < layout.samples; sample++) {
          samples[(row * GRID + column) * layout.samples + sample] = sampleAt(line, index++, layout.depth);
        }
      }
    }
  }
  return samples;
}

/** A sample of a row, counted from the left; the first sample is in the high bits of a byte. */
function sampleAt(line: Uint8Array, index: number, depth: number): number {
  const bit = index * depth;
  return (line[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

/** Predictions of a byte from those on its left, above it and above that on its left, by number of the filter. */
const FILTERS: ((left: number, above: number, aboveLeft: number) => number)[] = [
  () => 0,
  (left) => left,
  (_left, above) => above,
  (left, above) => (left + above) >> 1,
  paeth,
];

function unfilter(filter: number, filtered: Uint8Array, above: Uint8Array, pixelBytes: number) {
  const predict = FILTERS[filter];
  if (!predict) {
    const reason = "unrecognized data stream contents when reading image file";
    throw new UnreadableFile(`the pixels of the PNG cannot be read: ${reason}`);
  }
  const line = new Uint8Array(filtered.length);
  for (const [index, byte] of filtered.entries()) {
    const before = index - pixelBytes;
    line[index] = byte + predict(line[before] ?? 0, above[index]!, above[before] ?? 0);
  }
  return line;
}

function paeth(left: number, above: number, aboveLeft: number): number {
  const estimate = left + above - aboveLeft;
  const distances = [left, above, aboveLeft].map((value) => Math.abs(estimate - value)) as [number, number, number];
  if (distances[0] <= distances[1] && distances[0] <= distances[2]) return left;
  return distances[1] <= distances[2] ? above : aboveLeft;
}
