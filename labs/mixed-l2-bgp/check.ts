import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { ownerText, statusNames } from "../runner/l2-view.ts";
import type { Lab } from "../runner/lab.ts";
import { LanTap } from "../runner/lan-tap.ts";
import { monotonic } from "../runner/monotonic.ts";
import { neighbourIs } from "../runner/neighbours.ts";
import { established, routedVia } from "../runner/router-view.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";

const ROUTER = "r1";
/** On the LAN. */
const NEAR = "near";
/** Behind the router. */
const FAR = "far";
const NODES = ["n1", "n2"];
const SERVICES = ["lan", "routed", "both"] as const;
const REQUESTS = 60;
const PATIENCE = 20_000;
/** A speaker waits between attempts, and so does the router before it listens to one that left. */
const RECONNECT = 60_000;

/** What all parts of the check look at. */
interface Stage {
  readonly lab: Lab;
  readonly tap: LanTap;
  readonly services: ReadonlyMap<string, AddressedService>;
}

/** What the lab promises: layer 2 and BGP side by side, each for the pools that it is told to announce and for no other. */
export async function check(lab: Lab): Promise<void> {
  const stage = await prepare(lab);
  await checkWho(stage);
  await checkTraffic(stage);
  await checkFailure(stage);
  await lab.step("both without its L2Advertisement: nobody answers for it, the routes stay", async () => {
    await lab.api.delete({ kind: "L2Advertisement", namespace: "metallb-system", name: "both" });
    await stage.tap.silence(vipOf(stage, "both").address);
    await stage.tap.owner(vipOf(stage, "lan").address);
    await reaches(stage, FAR, "both", NODES);
    return await routed(stage, "both", NODES);
  });
}

async function prepare(lab: Lab): Promise<Stage> {
  const tap = await LanTap.on(lab, "watch");
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    for (const service of SERVICES) await placeEndpoints(lab, service, { ready: podsOf(lab) });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2 Established", () => sessions(lab));
  const services = new Map<string, AddressedService>();
  await lab.step("every service has an address of its pool", async () => {
    for (const name of SERVICES) services.set(name, await addressesOf(lab, name, [4]));
    for (const { vips } of services.values()) for (const { address } of vips) tap.ask(address);
    return [...services.values()].map(({ name, vips }) => `${name} ${vips[0]?.address}`).join(", ");
  });
  return { lab, tap, services };
}

/** Who answers on the LAN, and what the router was told. */
async function checkWho(stage: Stage): Promise<void> {
  const { lab, tap } = stage;
  for (const name of ["lan", "both"]) {
    await lab.step(`${name}: one node alone answers on the LAN, and its ServiceL2Status says so`, async () => {
      const owner = await tap.owner(vipOf(stage, name).address);
      await statusNames(lab, name, owner.node);
      return owner.node;
    });
  }
  await lab.step("both and routed: r1's kernel has both nodes as next hops", async () => {
    await routed(stage, "both", NODES);
    return await routed(stage, "routed", NODES);
  });
  await lab.step("lan: r1 was told no route, it asks on the LAN", () => routed(stage, "lan", []));
  await lab.step("routed: nobody answers for it on the LAN", async () => {
    const { address } = vipOf(stage, "routed");
    await tap.silence(address);
    const said = tap.heard(address).filter(({ mac }) => NODES.includes(lab.nodeOfMac(mac)));
    if (said.length > 0) throw new LabCheckError(`${lab.nodeOfMac(said[0]?.mac ?? "")} spoke of it`);
  });
}

/** With traffic policy Cluster pods see the node that the request came in by. */
async function checkTraffic(stage: Stage): Promise<void> {
  const { lab, tap } = stage;
  await lab.step("near: requests to lan and both come in by the node that answers alone", async () => {
    const told: string[] = [];
    for (const name of ["lan", "both"]) {
      const { node } = await tap.owner(vipOf(stage, name).address);
      told.push(`${name} ${await reaches(stage, NEAR, name, [node])}`);
    }
    return told.join("; ");
  });
  await lab.step("far: to lan by that node, to both and routed by both nodes", async () => {
    const { node } = await tap.owner(vipOf(stage, "lan").address);
    const told = [`lan ${await reaches(stage, FAR, "lan", [node])}`];
    for (const name of ["both", "routed"]) told.push(`${name} ${await reaches(stage, FAR, name, NODES)}`);
    return told.join("; ");
  });
  await lab.step("near reaches routed by way of r1", () => reaches(stage, NEAR, "routed", NODES));
}

/** The node that answers for both is told to go: both ways leave it. */
async function checkFailure(stage: Stage): Promise<void> {
  const { lab, tap } = stage;
  const { address } = vipOf(stage, "both");
  const { node } = await tap.owner(address);
  const other = NODES.find((one) => one !== node) ?? node;
  await lab.step(
    `${node}, which answers for both, is stopped: ${other} answers, and is r1's only next hop`,
    async () => {
      const since = monotonic();
      const stopped = lab.speaker(node).stop("SIGTERM");
      const owner = await tap.owner(address, { node: other, since });
      await tap.owner(vipOf(stage, "lan").address, { node: other, since });
      const told = [await routed(stage, "both", [other]), await routed(stage, "routed", [other])];
      if (!(await stopped)) throw new LabCheckError("SIGTERM did not end the speaker within 10 s");
      await allDone(
        [NEAR, ROUTER].map((where) => neighbourIs(lab, where, { ip: vipOf(stage, "lan").address, node: other })),
      );
      return `${ownerText(owner)}; routes ${told.join(", ")}`;
    },
  );
  await lab.step("near and far reach all three by it", async () => {
    for (const from of [NEAR, FAR]) for (const name of SERVICES) await reaches(stage, from, name, [other]);
  });
  await lab.step(`${node} is started again: r1 has both next hops, and one node answers`, async () => {
    lab.speaker(node).start();
    await sessions(lab);
    const told = await routed(stage, "both", NODES);
    const owner = await tap.owner(address);
    return `${told}, answered by ${owner.node}`;
  });
}

async function sessions(lab: Lab): Promise<string> {
  return await established(
    lab,
    ROUTER,
    NODES.map((node) => lab.addressOf(node, 4)),
    RECONNECT,
  );
}

function vipOf({ services }: Stage, name: string): Vip {
  const vip = services.get(name)?.vips[0];
  if (vip === undefined) throw new LabCheckError(`${name} has no address`);
  return vip;
}

async function routed({ lab, services }: Stage, name: string, nodes: readonly string[]): Promise<string> {
  const service = services.get(name) ?? { name, vips: [] };
  return await routedVia(lab, { router: ROUTER, service, nodes });
}

/** Waits until requests from a client come in by exactly these nodes. */
async function reaches(stage: Stage, from: string, name: string, nodes: readonly string[]): Promise<string> {
  const { lab } = stage;
  const vip = vipOf(stage, name);
  const { value } = await lab.until(`${from}: ${name} by ${nodes.join(", ")}`, PATIENCE, async () => {
    const answers = await answersFrom(lab, from, vip, REQUESTS);
    const through = tally(answers.map((answer) => lab.nodeOf(answer.client)));
    const told = [...through]
      .map(([node, n]) => `${node} ${n}`)
      .toSorted()
      .join(", ");
    return [...through.keys()].toSorted().join() === nodes.join() ? { value: told } : { seen: told };
  });
  return value;
}
