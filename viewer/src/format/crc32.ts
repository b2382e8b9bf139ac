const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0xedb88320 : 0);
  return remainder;
});

/** The CRC-32 of zlib and PNG over all parts, one after the other. */
export function crc32(...parts: Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) for (const byte of part) crc = (crc >>> 8) ^ TABLE[(crc ^ byte) & 0xff]!;
  return ~crc >>> 0;
}

/** The checksum at the end of a .grain file and of a carrier's private chunk: the low 24 bits, little-endian. */
export function checksum(...parts: Uint8Array[]): Uint8Array {
  const crc = crc32(...parts);
  return Uint8Array.of(crc, crc >>> 8, crc >>> 16);
}
