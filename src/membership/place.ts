import type { IpAddress } from "../net/ip-address.ts";

/** Where a member's packets go to. */
export interface Place {
  readonly address: IpAddress;
  readonly port: number;
}

export function samePlace(a: Place, b: Place): boolean {
  return a.port === b.port && a.address.equals(b.address);
}

export function formatPlace({ address, port }: Place): string {
  return address.family === 4 ? `${address}:${port}` : `[${address}]:${port}`;
}
