import type { Lab } from "../lab.ts";
import type { Fault, PlannedFault } from "./fault.ts";

/** Of a hundred packets, so many are lost. */
const LOSS = 20;
/** Of a hundred packets, so many are changed. */
const CORRUPTION = 10;

type WireFault = Extract<Fault, { readonly kind: "one-way-drop" | "packet-loss" | "corruption" }>;

/** Makes what comes into a port go wrong, before the kernel or a bridge has seen it. */
export async function spoil(lab: Lab, { number }: PlannedFault, { kind, port }: WireFault): Promise<void> {
  const chain = [`type filter hook ingress device "${port.port}" priority 0; policy accept;`, ...RULES[kind]];
  const table = [
    `table netdev ${tableOf(number)} {`,
    "  chain in {",
    ...chain.map((line) => `    ${line}`),
    "  }",
    "}",
    "",
  ];
  await lab.exec(port.node, ["nft", "-f", "-"], table.join("\n"));
}

/** Undoes {@link spoil}. */
export async function unspoil(lab: Lab, { number }: PlannedFault, { port }: WireFault): Promise<void> {
  await lab.exec(port.node, ["nft", "delete", "table", "netdev", tableOf(number)]);
}

function tableOf(number: number): string {
  return `chaos${number}`;
}

function oneOf(percent: number): string {
  return `numgen random mod 100 < ${percent}`;
}

/**
 * Between namespaces nobody looks at the checksums of TCP and UDP, so that what is changed arrives: in place of the first two octets
 * of a datagram, or of a segment behind a header with time stamps. Of BGP that is the marker, which must be all ones; BFD's version and
 * gossip's, and the method of a request. It is for the protocols to notice.
 */
const MANGLED = [
  `ip protocol tcp tcp flags & syn == 0 ${oneOf(CORRUPTION)} @th,256,16 set 0x5a5a`,
  `ip protocol udp ${oneOf(CORRUPTION)} @th,64,16 set 0x5a5a`,
  `ip6 nexthdr tcp tcp flags & syn == 0 ${oneOf(CORRUPTION)} @th,256,16 set 0x5a5a`,
  `ip6 nexthdr udp ${oneOf(CORRUPTION)} @th,64,16 set 0x5a5a`,
];

const RULES: Readonly<Record<WireFault["kind"], readonly string[]>> = {
  "one-way-drop": ["drop"],
  "packet-loss": [`${oneOf(LOSS)} drop`],
  corruption: MANGLED,
};
