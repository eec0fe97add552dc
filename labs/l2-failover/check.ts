import { LabCheckError } from "../runner/errors.ts";
import { statusNames } from "../runner/l2-view.ts";
import type { Lab } from "../runner/lab.ts";
import { neighbourIs } from "../runner/neighbours.ts";
import { pause } from "../runner/poll.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { checkMoves } from "./moves.ts";
import { checkRollouts } from "./rollout.ts";
import { checkSplits } from "./splits.ts";
import { CLIENT, EVEN, FAR, NODES, PODS, prepare, ROUTER, type Stage } from "./stage.ts";

export { prepareChaos } from "./chaos.ts";

/** What the lab promises, seen from a client on the LAN, from the router, and from a client behind the router. */
export async function check(lab: Lab): Promise<void> {
  const stage = await prepare(lab);
  await checkPlacement(stage);
  await checkTraffic(stage);
  await checkMoves(stage);
  await checkSplits(stage);
  await checkRollouts(stage);
}

/** Who answers: one for each address, those of `spread: Even` spread evenly, and the status tells the truth. */
async function checkPlacement({ lab, taps, addresses }: Stage): Promise<void> {
  let owners: ReadonlyMap<string, string> = new Map();
  await lab.step("each address is answered by exactly one node, once", async () => {
    owners = await settledOwners({ lab, taps, addresses });
    const told = [...tally([...owners.values()])].map(([node, n]) => `${node} ${n}`);
    return told.toSorted().join(", ");
  });
  await lab.step("IPv4 and IPv6 of one service are at the same node; both observers hear the same", async () => {
    for (const { address } of addresses.get("web") ?? []) await sameOwner({ lab, taps, addresses }, address);
  });
  await lab.step("MetalLB's election: n2 for web and web-sticky, the node of the only pod for web-local", async () => {
    const wanted = { web: "n2", "web-sticky": "n2", "web-local": "n1" };
    for (const [name, node] of Object.entries(wanted)) {
      if (owners.get(name) !== node) throw new LabCheckError(`${name}: want ${node}, got ${owners.get(name)}`);
    }
  });
  await lab.step("spread: Even gives each node two or three of seven", async () => {
    const counts = tally(EVEN.map((name) => owners.get(name) ?? ""));
    const uneven = NODES.filter((node) => ![2, 3].includes(counts.get(node) ?? 0));
    const told = NODES.map((node) => `${node} ${counts.get(node) ?? 0}`).join(", ");
    if (uneven.length > 0) throw new LabCheckError(told);
    return told;
  });
  await lab.step("every ServiceL2Status names who answers", async () => {
    for (const [name, node] of owners) await statusNames(lab, name, node);
  });
}

/** The owners by service, once they have stayed the same for a while. */
async function settledOwners({ lab, taps, addresses }: Stage): Promise<ReadonlyMap<string, string>> {
  const look = async (): Promise<ReadonlyMap<string, string>> => {
    const owners = new Map<string, string>();
    for (const [name, [vip]] of addresses) owners.set(name, (await taps.near.owner(vip?.address ?? "")).node);
    return owners;
  };
  const { value } = await lab.until("owners that stay", 20_000, async () => {
    const before = await look();
    await pause(500);
    const after = await look();
    const moved = [...after].filter(([name, node]) => before.get(name) !== node).map(([name]) => name);
    return moved.length === 0 ? { value: after } : { seen: `${moved.join(", ")} moved` };
  });
  return value;
}

async function sameOwner({ taps }: Stage, address: string): Promise<void> {
  const owner = await taps.near.owner(address);
  const heard = await taps.afar.owner(address);
  if (owner.node !== "n2" || heard.node !== "n2")
    throw new LabCheckError(`${address}: ${owner.node} and ${heard.node}`);
}

/** Real kernels, real requests. */
async function checkTraffic({ lab, addresses }: Stage): Promise<void> {
  for (const vip of addresses.get("web") ?? []) {
    await lab.step(
      `IPv${vip.family}: both clients reach every pod of web, the kernels have n2's hardware address`,
      async () => {
        for (const client of [CLIENT, FAR]) {
          const pods = tally((await answersFrom(lab, client, vip, 60)).map(({ pod }) => pod));
          if (pods.size !== PODS.length)
            throw new LabCheckError(`${client} reached only ${[...pods.keys()].join(", ")}`);
        }
        for (const where of [CLIENT, ROUTER]) await neighbourIs(lab, where, { ip: vip.address, node: "n2" });
      },
    );
  }
  for (const vip of addresses.get("web-local") ?? []) {
    await lab.step("web-local sees the clients' own addresses", async () => {
      for (const client of [CLIENT, FAR]) {
        const own = lab.addressOf(client, 4);
        const strangers = (await answersFrom(lab, client, vip, 10)).filter((answer) => answer.client !== own);
        if (strangers.length > 0) throw new LabCheckError(`want ${own}, got ${JSON.stringify(strangers[0])}`);
      }
    });
  }
}
