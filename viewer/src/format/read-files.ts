/**
 * Reads the files whose names stand on the standard input, one a line, and prints a line of JSON for each.
 *
 *     ls *.grain | npx tsx src/format/read-files.ts face-1024-1f6e5d-tables.safetensors
 *
 * Symbols and pictures are printed as their SHA-256; the symbols as tests/golden/portable.py writes them.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { toHex } from "./bytes.ts";
import { readFace, readTables, type Tables, UnreadableFile } from "./index.ts";

const sha256 = (content: string | Uint8Array) => createHash("sha256").update(content).digest("hex");

async function describe(path: string, tables: Tables): Promise<object> {
  try {
    const face = await readFace(readFileSync(path), tables);
    return {
      ...face,
      lrImage: sha256(face.lrImage),
      thumbnail: sha256(face.thumbnail),
      symbols: sha256(face.symbols.join(" ")),
      chunks: face.chunks.map(({ tag, data }) => [tag, toHex(data)]),
    };
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return { error: error.name, reason: error.message };
  }
}

const tables = readTables(readFileSync(process.argv[2]!));
for (const path of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  console.log(JSON.stringify(await describe(path, tables)));
}
