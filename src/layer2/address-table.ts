import type { IpAddress } from "../net/ip-address.ts";

interface Row<T> {
  readonly octets: Uint8Array;
  readonly value: T;
}

/** Values by address, found by octets of a frame without making an object. */
export class AddressTable<T> {
  readonly #rows = new Map<number, readonly Row<T>[]>();

  set(ip: IpAddress, value: T): void {
    const octets = ip.toBytes();
    const key = keyAt(octets, 0, octets.length);
    this.#rows.set(key, [...this.#without(key, octets), { octets, value }]);
  }

  delete(ip: IpAddress): void {
    const octets = ip.toBytes();
    const key = keyAt(octets, 0, octets.length);
    const left = this.#without(key, octets);
    if (left.length === 0) this.#rows.delete(key);
    else this.#rows.set(key, left);
  }

  /** What is kept for the address of `length` octets at this place. */
  find(frame: Uint8Array, at: number, length: 4 | 16): T | undefined {
    const rows = this.#rows.get(keyAt(frame, at, length));
    if (rows === undefined) return undefined;
    for (const row of rows) if (row.octets.length === length && isAt(row.octets, frame, at)) return row.value;
    return undefined;
  }

  #without(key: number, octets: Uint8Array): readonly Row<T>[] {
    return (this.#rows.get(key) ?? []).filter(
      (row) => row.octets.length !== octets.length || !isAt(row.octets, octets, 0),
    );
  }
}

/** A small integer: the address itself, or a mix of the four words of an IPv6 address. */
function keyAt(bytes: Uint8Array, at: number, length: number): number {
  let key = 0;
  for (let i = at; i < at + length; i += 4) {
    const word =
      ((bytes[i] ?? 0) << 24) | ((bytes[i + 1] ?? 0) << 16) | ((bytes[i + 2] ?? 0) << 8) | (bytes[i + 3] ?? 0);
    key = (Math.imul(key, 31) + word) | 0;
  }
  return key;
}

function isAt(octets: Uint8Array, frame: Uint8Array, at: number): boolean {
  for (let i = 0; i < octets.length; i++) if (octets[i] !== frame[at + i]) return false;
  return true;
}
