import { toHex } from "./bytes.ts";
import { UnreadableFile } from "./errors.ts";

export const PARAMETER_BYTES = 5;
export const SHORT_VERSION = 1;
export const LONG_VERSION = 2;

/** What a decoder must know before it reads the payload; formats/container.py specifies the bytes. */
export interface Parameters {
  flags: number;
  version: number;
  fineQuality: number;
  fingerprint: string;
}

/** Reads PARAMETER_BYTES bytes; refuses unknown versions, and flags other than `knownFlags`. */
export function readParameters(bytes: Uint8Array, knownFlags: number): Parameters {
  const [flags, version] = [bytes[0]! & 15, bytes[0]! >> 4];
  if (version !== SHORT_VERSION && version !== LONG_VERSION) {
    const known = `only ${SHORT_VERSION} and ${LONG_VERSION} are known here`;
    throw new UnreadableFile(`the face is of format version ${version}; ${known}`);
  }
  if (flags & ~knownFlags) {
    const shown = flags.toString(2).padStart(4, "0");
    throw new UnreadableFile(`the face uses a feature that is not known here (flags ${shown})`);
  }
  return { flags, version, fineQuality: bytes[1]!, fingerprint: toHex(bytes.subarray(2, PARAMETER_BYTES)) };
}
