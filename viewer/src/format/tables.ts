/** The integer tables of a model, from the file that `grain-weights export-onnx` writes beside the ONNX files. */
import { BANDS, CELLS, CLASSES } from "./contexts.ts";
import { UnreadableFile } from "./errors.ts";
import { ALPHABET, TOTAL_BITS } from "./level-decoder.ts";
import { fieldsOf, readJson, readSafetensors, type Tensor } from "./safetensors.ts";
import { ANCHOR_SPACING, type Sizes, type SymbolTables } from "./symbols.ts";
import { LR_SAMPLES, type ThumbnailTables } from "./thumbnail.ts";

const MOST_DETAIL_COMPONENTS = 96;
const MOST_FINE_QUALITIES = 256;
const LEAST_ALPHABETS = 8;
const ANY_LENGTH = -1;
const ARRAYS = { U8: Uint8Array, I8: Int8Array, I16: Int16Array, I32: Int32Array };

type Tensors = Map<string, Tensor>;

/** The tables of a model, and what its file says of it. */
export interface Tables extends SymbolTables, ThumbnailTables {
  name: string;
  /** Of the weights that give files their meaning, as files state it: six hexadecimal digits. */
  fingerprint: string;
  /** The sizes of the model's networks. */
  spec: Record<string, unknown>;
  licence: string;
  origin: string;
}

/** Reads a file of tables; refuses tables of another type or shape than the model's spec asks for. */
export function readTables(safetensors: Uint8Array): Tables {
  const { texts, tensors } = readSafetensors(safetensors);
  const spec = readSpec(texts.get("spec"));
  const sizes = readSizes(spec);
  const fingerprint = texts.get("fingerprint in files") ?? "";
  if (!/^[0-9a-f]{6}$/.test(fingerprint)) {
    throw new UnreadableFile("no file of tables: it does not state the fingerprint in files");
  }
  return {
    name: String(spec.name),
    fingerprint,
    spec,
    licence: texts.get("licence") ?? "",
    origin: texts.get("origin") ?? "",
    ...readSymbolTables(tensors, sizes),
    ...readThumbnailTables(tensors, sizes),
  };
}

function readSpec(text: string | undefined): Record<string, unknown> {
  if (text === undefined) throw new UnreadableFile("no file of tables: it carries no spec of a grain-codec model");
  const spec = fieldsOf(readJson(text));
  if ("family" in spec)
    throw new UnreadableFile(`the tables are of the family ${spec.family}, which is not known here`);
  return spec;
}

function readSizes(spec: Record<string, unknown>): Sizes {
  const bounded = (name: string, most: number) => {
    const value = spec[name];
    if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= most) return value;
    throw new UnreadableFile(`the model's spec has a ${name} of ${value}, not within 1 to ${most}`);
  };
  return {
    thumbnailComponents: bounded("thumbnail_components", LR_SAMPLES),
    detailComponents: bounded("detail_components", MOST_DETAIL_COMPONENTS),
    fineQualities: bounded("fine_qualities", MOST_FINE_QUALITIES),
  };
}

function readSymbolTables(tensors: Tensors, sizes: Sizes): SymbolTables {
  const anchors = Math.ceil(sizes.fineQualities / ANCHOR_SPACING) + 1;
  const tables = {
    sizes,
    thumbnailScales: integers(tensors, "tables.thumbnail_scales", "U8", [anchors, sizes.thumbnailComponents]),
    detailScales: integers(tensors, "tables.detail_scales", "U8", [anchors, CELLS, sizes.detailComponents]),
    thumbnailContext: integers(tensors, "tables.thumbnail_context", "I8", [CLASSES]),
    detailContext: integers(tensors, "tables.detail_context", "I8", [BANDS, CLASSES, CLASSES]),
    cumulative: integers(tensors, "tables.cumulative", "I32", [ANY_LENGTH, ALPHABET + 1]),
  };
  checkAlphabets(tables.cumulative);
  return tables;
}

function checkAlphabets(cumulative: Int32Array): void {
  const rises = cumulative.every((value, index) => {
    const place = index % (ALPHABET + 1);
    if (place === 0) return value === 0;
    return value > cumulative[index - 1]! && (place < ALPHABET || value === 1 << TOTAL_BITS);
  });
  if (!rises || cumulative.length < LEAST_ALPHABETS * (ALPHABET + 1)) {
    throw new UnreadableFile("the alphabets of the entropy coder are not cumulative frequencies");
  }
}

function readThumbnailTables(tensors: Tensors, sizes: Sizes): ThumbnailTables {
  const basisShape = [sizes.thumbnailComponents, LR_SAMPLES];
  return {
    thumbnailMean: integers(tensors, "networks.rescaling.thumbnail_mean", "I32", [LR_SAMPLES]),
    thumbnailBasis: integers(tensors, "networks.rescaling.thumbnail_basis", "I16", basisShape),
    thumbnailSteps: integers(tensors, "tables.thumbnail_steps", "I32", [sizes.fineQualities]),
  };
}

/** A tensor of whole numbers of one type and shape; safetensors stores them little-endian, as all browsers do. */
function integers<K extends keyof typeof ARRAYS>(tensors: Tensors, name: string, kind: K, shape: number[]) {
  const tensor = tensors.get(name);
  if (!tensor) throw new UnreadableFile(`the tensor ${name} is missing`);
  const found = Array.isArray(tensor.shape) ? tensor.shape : [];
  const fits = shape.every((length, axis) => found[axis] === length || length === ANY_LENGTH);
  const bytes = found.reduce((product, length) => product * length, ARRAYS[kind].BYTES_PER_ELEMENT);
  if (tensor.dtype !== kind || found.length !== shape.length || !fits || bytes !== tensor.bytes.length) {
    throw new UnreadableFile(
      `the table ${name} is of type ${tensor.dtype} and shape ${found}, not ${kind} and ${shape}`,
    );
  }
  return new ARRAYS[kind](new Uint8Array(tensor.bytes).buffer) as InstanceType<(typeof ARRAYS)[K]>;
}
