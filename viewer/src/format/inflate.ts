import { Z_BUF_ERROR, Z_NO_FLUSH, Z_OK, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2 } from "pako";
import { UnreadableFile } from "./errors.ts";

const ZLIB_WINDOW = 15; // The largest that there is; a stream of gzip or a bare one is none.

/** Inflates the pixels of a PNG, exactly one zlib stream of `expected` bytes; makes one byte more at most. */
export function inflateExactly(compressed: Uint8Array, expected: number): Uint8Array {
  const stream = new ZStream();
  zlibInflateInit2(stream, ZLIB_WINDOW);
  stream.input = compressed;
  stream.avail_in = compressed.length;
  stream.output = new Uint8Array(expected + 1);
  stream.avail_out = stream.output.length;
  const status = zlibInflate(stream, Z_NO_FLUSH);
  if (status !== Z_OK && status !== Z_STREAM_END && status !== Z_BUF_ERROR) {
    const reason = [`Error ${status} while decompressing data`, stream.msg].filter(Boolean).join(": ");
    throw new UnreadableFile(`the pixels of the PNG cannot be read: ${reason}`);
  }
  if (status !== Z_STREAM_END || stream.total_out !== expected || stream.avail_in) {
    throw new UnreadableFile(`the pixels of the PNG do not take the ${expected} bytes that its header tells`);
  }
  return stream.output.subarray(0, expected);
}
