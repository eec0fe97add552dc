import { LabCheckError } from "../runner/errors.ts";
import { isObject, listOf } from "../runner/json.ts";
import type { Lab } from "../runner/lab.ts";
import type { LabProcess } from "../runner/processes.ts";
import { routedVia, sessionsUp } from "../runner/router-view.ts";
import { type AddressedService, addressesOf } from "../runner/service-address.ts";
import { placeEndpoints } from "../runner/workload.ts";

const ROUTER = "r1";
const NODES = ["n1", "n2"];
/** 300 ms x 3, and what r1 takes to change its table. The hold time is 90 s. */
const LIMIT = 1200;
/** Where a speaker and BGP take part, on however busy a machine: still nowhere near the hold time. */
const WITH_BGP = 5000;
const PATIENCE = 20_000;
/** A speaker waits between attempts, and so does the router. */
const RECONNECT = 60_000;

/** What the lab promises: a link that dies in silence costs a second, not the hold time. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web", { ready: ["p1", "p2"] });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2 Established, IPv4 and IPv6", () => sessionsUp(lab, ROUTER, NODES));
  await lab.step("BFD up at r1 with both nodes, IPv4 and IPv6", () => bfdUp(lab));
  let web: AddressedService = { name: "web", vips: [] };
  await lab.step("web has an IPv4 and an IPv6 address", async () => {
    web = await addressesOf(lab, "web", [4, 6]);
    return web.vips.map((vip) => vip.address).join(", ");
  });
  await lab.step("r1's kernel has two next hops", () => routedVia(lab, { router: ROUTER, service: web, nodes: NODES }));
  const kernel = lab.start({ node: ROUTER, name: "kernel-routes", argv: ["ip", "-ts", "-o", "monitor", "route"] });
  await checkCut(lab, web, kernel);
  await checkBfdAlone(lab, web, kernel);
}

async function checkCut(lab: Lab, web: AddressedService, kernel: LabProcess): Promise<void> {
  const figure = `n1's link drops every packet: r1's routes are gone within ${LIMIT} ms (hold time 90 s)`;
  await lab.step(figure, async () => {
    const cut = await apply(lab, "n1", SILENCE);
    const words = await goneInTime(lab, kernel, { web, cut, limit: LIMIT });
    await routedVia(lab, { router: ROUTER, service: web, nodes: ["n2"] });
    return words;
  });
  await lab.step("the link is back: sessions, BFD and both next hops too", () => restored(lab, "n1", web));
}

/**
 * BGP could go on: it is Herald that ends it, because what it was told to watch by has failed. It comes back without BFD
 * (RFC 5882 section 4.1), so that the loss is over before anybody looks: the kernel has noted it.
 */
async function checkBfdAlone(lab: Lab, web: AddressedService, kernel: LabProcess): Promise<void> {
  await lab.step("r1's BFD packets to n2 are lost, BGP's are not: n2 ends its sessions", async () => {
    const cut = await apply(lab, "n2", DEAF);
    return await goneInTime(lab, kernel, { web, cut, limit: WITH_BGP });
  });
  await lab.step("BFD packets arrive again: sessions, BFD and both next hops too", () => restored(lab, "n2", web));
}

async function restored(lab: Lab, node: string, web: AddressedService): Promise<string> {
  const start = performance.now();
  await lab.exec(node, ["nft", "delete", "table", "inet", "lab"]);
  await sessionsUp(lab, ROUTER, NODES, RECONNECT);
  await bfdUp(lab);
  return await routedVia(lab, { router: ROUTER, service: web, nodes: NODES }, { since: start });
}

/** All four BFD sessions are up by r1's word. */
async function bfdUp(lab: Lab): Promise<string> {
  const wanted = NODES.flatMap((node) => ([4, 6] as const).map((family) => lab.addressOf(node, family)));
  await lab.until("BFD up", PATIENCE, async () => {
    const peers = listOf(await lab.router(ROUTER).json("show bfd peers json")).filter(isObject);
    const up = peers.filter((one) => one["status"] === "up").map((one) => one["peer"]);
    const missing = wanted.filter((address) => !up.includes(address));
    return missing.length === 0 ? { value: true } : { seen: `not up: ${missing.join(", ")}` };
  });
  return `${wanted.length} sessions`;
}

/** Loads rules into a node; the moment before, by the machine's clock in milliseconds. */
async function apply(lab: Lab, node: string, rules: string): Promise<number> {
  return Number(await lab.exec(node, ["sh", "-c", "date +%s%3N && exec nft -f -"], rules));
}

interface Cut {
  readonly web: AddressedService;
  /** The machine's clock, milliseconds. */
  readonly cut: number;
  /** Milliseconds. */
  readonly limit: number;
}

/** Waits for the first change of each address's route after the cut, and judges by when r1's kernel noted it: how busy the machine is since does not count. */
async function goneInTime(lab: Lab, kernel: LabProcess, { web, cut, limit }: Cut): Promise<string> {
  const took: number[] = [];
  for (const { family, address } of web.vips) {
    const { value } = await lab.until(`IPv${family} route changes`, PATIENCE, async () => {
      const change = changesIn(kernel).find(({ at, text }) => at >= cut && text.includes(`${address} `));
      return change === undefined ? { seen: "no change of its route" } : { value: change.at - cut };
    });
    took.push(value);
  }
  const words = web.vips.map(({ family }, i) => `IPv${family} ${took[i]} ms`).join(", ");
  if (took.some((time) => time >= limit)) throw new LabCheckError(`want less than ${limit} ms, got ${words}`);
  return words;
}

/** What `ip -ts -o monitor` has printed so far. */
function changesIn(kernel: LabProcess): readonly { readonly at: number; readonly text: string }[] {
  return kernel.tail(1000).flatMap((line) => {
    const [, at, text = ""] = /^\[([\d\-T:.]+)\] ?(.*)$/.exec(line) ?? [];
    return at === undefined ? [] : [{ at: Date.parse(at), text }];
  });
}

/** As a link whose other end shows carrier and nothing else. */
const SILENCE = `table inet lab {
  chain in { type filter hook input priority filter; policy accept; iifname eth1 drop; }
  chain out { type filter hook output priority filter; policy accept; oifname eth1 drop; }
  chain through { type filter hook forward priority filter; policy drop; }
}
`;

const DEAF = `table inet lab {
  chain in { type filter hook input priority raw; policy accept; iifname eth1 udp dport 3784 drop; }
}
`;
