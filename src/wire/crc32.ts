const POLYNOMIAL = 0xedb88320;

/** CRC-32 as IEEE 802.3 has it, the one of zip and Ethernet. Bit by bit: it is only asked for names. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL;
  }
  return ~crc >>> 0;
}
