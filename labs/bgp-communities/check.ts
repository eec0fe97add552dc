import { LabCheckError } from "../runner/errors.ts";
import { at, isObject, listOf, textOf } from "../runner/json.ts";
import type { ObjectRef } from "../runner/kube-api.ts";
import type { Lab } from "../runner/lab.ts";
import { established, routedVia } from "../runner/router-view.ts";
import { type AddressedService, addressesOf } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints } from "../runner/workload.ts";

const ROUTER = "r1";
const EDGE = "edge";
const CLIENT = "client";
/** Behind r1, not behind edge. */
const OFFICE = "office";
const NODES = ["n1", "n2"];
const SERVICES = ["steered", "inside", "far"];
const PATIENCE = 20_000;
const ALIASES: ObjectRef = { kind: "Community", namespace: "metallb-system", name: "r1" };
const INSIDE: ObjectRef = { kind: "BGPAdvertisement", namespace: "metallb-system", name: "inside" };

/** What the lab promises: a name in a BGPAdvertisement decides what the router does with the route. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    for (const service of SERVICES) await placeEndpoints(lab, service, { ready: ["p1", "p2"] });
    return `${objects} objects`;
  });
  await lab.step("r1 has sessions with n1, n2 and edge", () =>
    established(lab, ROUTER, [...neighbours(lab), EDGE_LINK]),
  );
  const services = new Map<string, AddressedService>();
  await lab.step("every service has an address of its own pool", async () => {
    for (const name of SERVICES) services.set(name, await addressesOf(lab, name, [4]));
    return [...services.values()].map(({ name, vips }) => `${name} ${vips[0]?.address}`).join(", ");
  });
  const service = (name: string): AddressedService => services.get(name) ?? { name, vips: [] };
  await checkPreference(lab, service("steered"));
  await checkNoAdvertise(lab, service("inside"), service("steered"));
  await checkLarge(lab, service("far"), service("steered"));
}

/** The other end of the link to edge. */
const EDGE_LINK = "10.97.0.2";

function neighbours(lab: Lab): readonly string[] {
  return NODES.map((node) => lab.addressOf(node, 4));
}

/** The names primary and backup become a local preference at r1. */
async function checkPreference(lab: Lab, steered: AddressedService): Promise<void> {
  const goesTo = (nodes: readonly string[]): Promise<string> =>
    routedVia(lab, { router: ROUTER, service: steered, nodes });
  await lab.step("steered: r1 has both paths, n1's at 200 and n2's at 50, and uses n1's alone", async () => {
    await preferred(lab, steered, { n1: 200, n2: 50 });
    return await goesTo(["n1"]);
  });
  await lab.step("client: only p1 answers", () => answeredBy(lab, CLIENT, steered, ["p1"]));
  await lab.step("n1 has no ready pod: n2 takes over", async () => {
    await placeEndpoints(lab, steered.name, { ready: ["p2"], unready: ["p1"] });
    return await goesTo(["n2"]);
  });
  await lab.step("n1 has one again, and is first again", async () => {
    await placeEndpoints(lab, steered.name, { ready: ["p1", "p2"] });
    return await goesTo(["n1"]);
  });
  await lab.step("the names swap their values: n2 is first, and no session was reset", async () => {
    const before = await sessionCounts(lab);
    await swapAliases(lab);
    await preferred(lab, steered, { n1: 50, n2: 200 });
    const told = await goesTo(["n2"]);
    const after = await sessionCounts(lab);
    if (after !== before) throw new LabCheckError(`sessions established: ${before} before, ${after} after`);
    await answeredBy(lab, CLIENT, steered, ["p2"]);
    return told;
  });
}

/** RFC 1997: NO_ADVERTISE is for the router that hears it, and nobody behind that. */
async function checkNoAdvertise(lab: Lab, inside: AddressedService, other: AddressedService): Promise<void> {
  const atEdge = (nodes: readonly string[]): Promise<string> =>
    routedVia(lab, { router: EDGE, service: inside, nodes });
  await lab.step("inside, NO_ADVERTISE: r1 uses both nodes, and edge never heard of it", async () => {
    await routedVia(lab, { router: ROUTER, service: inside, nodes: NODES });
    await routedVia(lab, { router: EDGE, service: other, nodes: [ROUTER] });
    await atEdge([]);
    await answeredBy(lab, OFFICE, inside, ["p1", "p2"]);
    return await unanswered(lab, inside);
  });
  await lab.step("without the community edge hears of it, and the client is answered", async () => {
    await lab.api.patch(INSIDE, { spec: { communities: [] } });
    const told = await atEdge([ROUTER]);
    await answeredBy(lab, CLIENT, inside, ["p1", "p2"]);
    return told;
  });
  await lab.step("with it again edge forgets it", async () => {
    await lab.api.patch(INSIDE, { spec: { communities: ["NO_ADVERTISE"] } });
    const told = await atEdge([]);
    await answeredBy(lab, OFFICE, inside, ["p1", "p2"]);
    return `${told}; ${await unanswered(lab, inside)}`;
  });
}

/** RFC 8092: three numbers, the first of which is the AS that is spoken to. */
async function checkLarge(lab: Lab, far: AddressedService, other: AddressedService): Promise<void> {
  await lab.step("far, large:64513:1:3: r1 makes its AS path long, for edge alone", async () => {
    await pathAtEdge(lab, far, "64513 64513 64513 64513 64512");
    await pathAtEdge(lab, other, "64513 64512");
    await answeredBy(lab, CLIENT, far, ["p1", "p2"]);
    return "64513 64513 64513 64513 64512";
  });
}

async function swapAliases(lab: Lab): Promise<void> {
  const listed = listOf(at(await lab.api.get(ALIASES), "spec", "communities")).filter(isObject);
  const swapped: Readonly<Record<string, string>> = { primary: "backup", backup: "primary" };
  const communities = listed.map((alias) => ({ ...alias, name: swapped[textOf(alias["name"])] ?? alias["name"] }));
  await lab.api.patch(ALIASES, { spec: { communities } });
}

/** Waits until r1 has each node's path at the local preference that its community asks for, and with that community. */
async function preferred(lab: Lab, service: AddressedService, wanted: Readonly<Record<string, number>>): Promise<void> {
  const goal = Object.entries(wanted)
    .map(([node, preference]) => `${node} ${preference} 64513:${preference}`)
    .join(", ");
  await lab.until(`r1: ${goal}`, PATIENCE, async () => {
    const seen = (await pathsAt(lab, ROUTER, service)).map((path) => {
      const node = lab.nodeOf(textOf(at(path, "peer", "peerId")));
      return `${node} ${String(at(path, "locPrf"))} ${textOf(at(path, "community", "string"))}`;
    });
    return seen.toSorted().join(", ") === goal ? { value: true } : { seen: seen.toSorted().join(", ") || "no path" };
  });
}

async function pathAtEdge(lab: Lab, service: AddressedService, wanted: string): Promise<void> {
  await lab.until(`edge: ${service.name} by ${wanted}`, PATIENCE, async () => {
    const seen = (await pathsAt(lab, EDGE, service)).map((path) => textOf(at(path, "aspath", "string")));
    return seen.join() === wanted ? { value: true } : { seen: seen.join(", ") || "no path" };
  });
}

async function pathsAt(lab: Lab, router: string, service: AddressedService): Promise<readonly unknown[]> {
  const shown = await lab.router(router).json(`show bgp ipv4 unicast ${service.vips[0]?.prefix} json`);
  return listOf(at(shown, "paths"));
}

/** How often each node's session was established, by r1's word. */
async function sessionCounts(lab: Lab): Promise<string> {
  const counts: string[] = [];
  for (const address of neighbours(lab)) {
    const shown = await lab.router(ROUTER).json(`show bgp neighbors ${address} json`);
    counts.push(String(at(shown, address, "connectionsEstablished")));
  }
  return counts.join(", ");
}

async function answeredBy(lab: Lab, from: string, service: AddressedService, pods: readonly string[]): Promise<string> {
  const [vip] = service.vips;
  if (vip === undefined) throw new LabCheckError(`${service.name} has no address`);
  const { value } = await lab.until(`${from}: ${vip.url} answered by ${pods.join(", ")}`, PATIENCE, async () => {
    const seen = tally((await answersFrom(lab, from, vip, 40)).map((answer) => answer.pod));
    const told = [...seen].map(([pod, n]) => `${pod} ${n}`).toSorted();
    return [...seen.keys()].toSorted().join() === pods.join() ? { value: told.join(", ") } : { seen: told.join(", ") };
  });
  return value;
}

async function unanswered(lab: Lab, service: AddressedService): Promise<string> {
  const answers = await lab.curl(CLIENT, service.vips[0]?.url ?? "");
  if (answers.length > 0) throw new LabCheckError(`the client was answered: ${answers.join("; ")}`);
  return "the client gets no answer, office does";
}
