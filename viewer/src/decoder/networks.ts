// Draws faces with ONNX Runtime, compiled to WebAssembly.

import * as ort from "onnxruntime-web/wasm";
import { download, type Graph, type Model, type PictureName } from "./downloads.ts";

const MOST_THREADS = 4; // More do not pay for networks of this size.
const PICTURES: PictureName[] = ["fused", "rescaled"];

/** Threads that wait for work leave the processor to others. */
const EXTRA = { session: { intra_op: { allow_spinning: "0" } } };

export class Networks {
  private constructor(
    private readonly sessions: Map<PictureName, ort.InferenceSession>,
    private readonly side: number,
  ) {}

  /** Downloads a model's weights and graphs, and makes them ready. Throws a sentence for the reader. */
  static async load(model: Model, progress: (share: number) => void): Promise<Networks> {
    configure();
    const files = [model.weights, ...PICTURES.map((picture) => model.pictures[picture])];
    const total = files.reduce((sum, file) => sum + file.bytes, 0);
    let loaded = 0;
    const arrived = (bytes: number) => {
      loaded += bytes;
      progress(loaded / total);
    };
    const contents = await Promise.all(files.map((file) => download(file, arrived)));
    const [weights, ...graphs] = contents as [Uint8Array, ...Uint8Array[]];
    const sessions = new Map<PictureName, ort.InferenceSession>();
    for (const [index, picture] of PICTURES.entries()) {
      sessions.set(picture, await open(model.pictures[picture], graphs[index] as Uint8Array, weights));
    }
    return new Networks(sessions, model.side);
  }

  /** The picture of a face's record, RGBA, rows from the top; without colour where `grey`. */
  async draw(symbols: Int32Array, picture: PictureName, grey: boolean): Promise<ImageData> {
    const session = this.sessions.get(picture) as ort.InferenceSession;
    const { picture: drawn } = await session.run({ symbols: new ort.Tensor("int32", symbols, [1, symbols.length]) });
    const samples = drawn?.data as Uint8Array;
    const pixels = withAlpha(grey ? withoutColour(samples) : samples);
    return new ImageData(pixels, this.side, this.side);
  }
}

function configure(): void {
  const folder = new URL("runtimes/", self.location.href);
  const name = "ort-wasm-simd-threaded";
  ort.env.wasm.wasmPaths = { mjs: new URL(`${name}.mjs`, folder).href, wasm: new URL(`${name}.wasm`, folder).href };
  // Threads share memory, which browsers allow to isolated pages alone.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  ort.env.logLevel = "fatal"; // Errors reach the page as exceptions.
}

async function open(graph: Graph, content: Uint8Array, weights: Uint8Array): Promise<ort.InferenceSession> {
  const externalData = [{ path: graph.external, data: gather(weights, graph.parts) }];
  try {
    return await ort.InferenceSession.create(content, { executionProviders: ["wasm"], externalData, extra: EXTRA });
  } catch (error) {
    console.error(error);
    throw new Error(`The network file ${graph.file} cannot be used in this browser.`);
  }
}

/** The parts of the weights file, one after the other. */
function gather(weights: Uint8Array, parts: [number, number][]): Uint8Array {
  const gathered = new Uint8Array(parts.reduce((sum, [, length]) => sum + length, 0));
  let position = 0;
  for (const [offset, length] of parts) {
    gathered.set(weights.subarray(offset, offset + length), position);
    position += length;
  }
  return gathered;
}

/** The rounded mean of each pixel in place of its samples, as grain_codec.formats.images.grey has it. */
function withoutColour(samples: Uint8Array): Uint8Array {
  const grey = new Uint8Array(samples.length);
  for (let at = 0; at < samples.length; at += 3) {
    const sum = (samples[at] as number) + (samples[at + 1] as number) + (samples[at + 2] as number);
    grey.fill(Math.floor((sum + 1) / 3), at, at + 3);
  }
  return grey;
}

/** RGB samples as the opaque RGBA that canvases take. */
export function withAlpha(samples: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray((samples.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < samples.length; from += 3, to += 4) {
    pixels[to] = samples[from] as number;
    pixels[to + 1] = samples[from + 1] as number;
    pixels[to + 2] = samples[from + 2] as number;
  }
  return pixels;
}
