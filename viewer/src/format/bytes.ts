/** Bytes as hexadecimal digits, two for each. */
export function toHex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes as a text of as many characters, each with the code of its byte. */
export function toLatin1(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** All parts, one after the other. */
export function concatenate(...parts: Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** Tells whether two byte strings are the same. */
export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** Tells whether `whole` begins with `beginning`. */
export function startsWith(whole: Uint8Array, beginning: Uint8Array): boolean {
  return equal(whole.subarray(0, beginning.length), beginning);
}
