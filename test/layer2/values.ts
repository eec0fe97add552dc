import { AddressTable } from "../../src/layer2/address-table.ts";
import type { Ear, Held, Stance } from "../../src/layer2/answer.ts";
import { type Mark, markOf } from "../../src/layer2/mark.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { type MacAddress, macFromBytes } from "../../src/net/mac-address.ts";

export function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
}

/** Reads `02:00:00:00:00:01`. */
export function mac(text: string): MacAddress {
  const address = macFromBytes(Uint8Array.from(text.split(":"), (octet) => Number.parseInt(octet, 16)));
  if (address === undefined) throw new Error(`no hardware address: ${text}`);
  return address;
}

export const OURS = mac("02:00:00:00:00:01");
export const THEIRS = mac("02:00:00:00:00:0a");

/** An address that is held, on `here` or elsewhere. */
export interface TestHeld extends Held {
  readonly here: boolean;
}

export const held = (text: string, stance: Stance = "answer", here = true): TestHeld => ({
  ip: ip(text),
  stance,
  here,
});

/** An interface that holds these. */
export function ear(all: readonly TestHeld[], mark: Mark = markOf("here")): Ear<TestHeld> {
  const table = new AddressTable<TestHeld>();
  for (const one of all) table.set(one.ip, one);
  return {
    mac: OURS,
    mtu: 1500,
    mark,
    isOwn: (one) => one === OURS || one === mac0,
    find: (frame, at, length) => table.find(frame, at, length),
    covers: ({ here }) => here,
  };
}

/** Of another interface of this machine. */
const mac0 = mac("02:00:00:00:00:02");
