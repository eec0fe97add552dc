import { LabCheckError } from "../runner/errors.ts";
import { at, listOf } from "../runner/json.ts";
import { eventSays } from "../runner/l2-view.ts";
import type { Lab } from "../runner/lab.ts";
import { loadText, startLoad } from "../runner/load.ts";
import { established, routedVia } from "../runner/router-view.ts";
import { type AddressedService, addressesOf, type Vip, vipOf } from "../runner/service-address.ts";
import { answersFrom } from "../runner/traffic.ts";
import { placeEndpoints } from "../runner/workload.ts";

const ROUTER = "r1";
const CLIENT = "client";
const NODES = ["n1", "n2"];
const SHOP = "203.0.113.10";
const DESK = "203.0.113.50";
/** Who answers on which port of the shop's address. */
const PODS = { web: ["p1"], admin: ["p2"], echo: ["p2"] } as const;
const ALL_SERVICES = Object.keys(PODS);

/** What the lab promises: Services with one key share an address as long as nobody could get another's packets. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied: web, admin and echo first", async () => {
    const objects = await lab.applyManifests(/^[0-2]/);
    for (const [service, pods] of Object.entries(PODS)) await placeEndpoints(lab, service, { ready: pods });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2 Established", () =>
    established(
      lab,
      ROUTER,
      NODES.map((node) => lab.addressOf(node, 4)),
    ),
  );
  await checkShared(lab);
  await checkLate(lab);
  await checkRoute(lab);
  await checkHeir(lab);
  await checkLocal(lab);
}

async function checkShared(lab: Lab): Promise<void> {
  await lab.step("all three have one address, r1 one route with two next hops", async () => {
    for (const name of ALL_SERVICES) await has(lab, name, SHOP);
    return await routed(lab, SHOP, NODES);
  });
  await lab.step("client: TCP 80 is web's pod, TCP 8080 admin's, UDP 80 echo's", async () => {
    await answers(lab, `http://${SHOP}/`, "p1");
    await answers(lab, `http://${SHOP}:8080/`, "p2");
    return await echoes(lab, `udp://${SHOP}:80`, "p2");
  });
}

/** Two that come too late for port 80. */
async function checkLate(lab: Lab): Promise<void> {
  await lab.step("web-two, the same key and port 80: it gets an address of its own", async () => {
    await lab.applyManifests(/^30/);
    const { vips } = await addressesOf(lab, "web-two", [4]);
    if (vips[0]?.address === SHOP) throw new LabCheckError("it is on the same address");
    return vips[0]?.address;
  });
  await lab.step("web-stubborn, which wants this address alone: it gets none, and an event says why", () =>
    refused(lab, "web-stubborn", /port TCP\/80 is already in use/),
  );
}

/** The route is there as long as anybody on the address has a pod. */
async function checkRoute(lab: Lab): Promise<void> {
  await lab.step("web has no pod any more: the route stays, TCP 8080 and UDP 80 are answered", async () => {
    await placeEndpoints(lab, "web", { ready: [] });
    await unanswered(lab, `http://${SHOP}/`);
    await answers(lab, `http://${SHOP}:8080/`, "p2");
    await echoes(lab, `udp://${SHOP}:80`, "p2");
    return await routed(lab, SHOP, NODES);
  });
  await lab.step("nor has admin, nor echo: the route is gone", async () => {
    for (const name of ALL_SERVICES) await placeEndpoints(lab, name, { ready: [] });
    return await routed(lab, SHOP, []);
  });
  await lab.step("all have theirs again: the route is back", async () => {
    for (const [service, pods] of Object.entries(PODS)) await placeEndpoints(lab, service, { ready: pods });
    return await routed(lab, SHOP, NODES);
  });
}

/** Nobody has to ask again: who waits for an address hears that it is free. */
async function checkHeir(lab: Lab): Promise<void> {
  await lab.step("web is deleted: admin and echo keep the address, web-stubborn gets it too", async () => {
    await placeEndpoints(lab, "web-stubborn", { ready: ["p2"] });
    await lab.api.delete({ kind: "Service", namespace: "default", name: "web" });
    for (const name of ["web-stubborn", "admin", "echo"]) await has(lab, name, SHOP);
    await answers(lab, `http://${SHOP}/`, "p2");
    return await routed(lab, SHOP, NODES);
  });
}

async function checkLocal(lab: Lab): Promise<void> {
  await lab.step("Local and Local with one selector: one address, and only n1, which has the pod", async () => {
    await lab.applyManifests(/^40/);
    for (const name of ["local-http", "local-alt"]) {
      await placeEndpoints(lab, name, { ready: ["p1"] });
      await has(lab, name, DESK);
    }
    return await routed(lab, DESK, ["n1"]);
  });
  await lab.step("client: both ports reach p1, which sees the client's own address", async () => {
    for (const url of [`http://${DESK}/`, `http://${DESK}:8080/`])
      await answers(lab, url, "p1", lab.addressOf(CLIENT, 4));
  });
  await lab.step("Local with another selector, and Cluster beside Local: refused, with the reason", async () => {
    await lab.applyManifests(/^50/);
    await refused(lab, "local-other", /can't change sharing key/);
    return await refused(lab, "cluster-beside", /can't change sharing key/);
  });
  await lab.step("the pod moves to n2: the route of both follows", async () => {
    for (const name of ["local-http", "local-alt"]) await placeEndpoints(lab, name, { ready: ["p2"] });
    const told = await routed(lab, DESK, ["n2"]);
    for (const url of [`http://${DESK}/`, `http://${DESK}:8080/`]) await answers(lab, url, "p2");
    return told;
  });
}

async function has(lab: Lab, name: string, address: string): Promise<void> {
  const { vips } = await addressesOf(lab, name, [4]);
  if (vips[0]?.address !== address) throw new LabCheckError(`${name}: want ${address}, got ${vips[0]?.address}`);
}

async function routed(lab: Lab, address: string, nodes: readonly string[]): Promise<string> {
  const service: AddressedService = { name: address, vips: [vipAt(address, `http://${address}/`)] };
  return await routedVia(lab, { router: ROUTER, service, nodes });
}

async function refused(lab: Lab, name: string, message: RegExp): Promise<string> {
  const said = await eventSays(lab, { kind: "Service", name, reason: /AllocationFailed/, message });
  const service = await lab.api.get({ kind: "Service", namespace: "default", name });
  const ingress = listOf(at(service, "status", "loadBalancer", "ingress"));
  if (ingress.length > 0) throw new LabCheckError(`${name} has ${JSON.stringify(ingress)}`);
  return said;
}

async function answers(lab: Lab, url: string, pod: string, client?: string): Promise<void> {
  await lab.until(`${url} answered by ${pod} alone`, 20_000, async () => {
    const given = await answersFrom(lab, CLIENT, vipAt(SHOP, url), 10);
    const stranger = given.find((answer) => answer.pod !== pod || (client !== undefined && answer.client !== client));
    return stranger === undefined ? { value: true } : { seen: JSON.stringify(stranger) };
  });
}

async function unanswered(lab: Lab, url: string): Promise<void> {
  await lab.until(`${url} is not answered`, 20_000, async () => {
    const lines = await lab.curl(CLIENT, url);
    return lines.length === 0 ? { value: true } : { seen: lines.join("; ") };
  });
}

async function echoes(lab: Lab, url: string, pod: string): Promise<string> {
  const { value } = await lab.until(`datagrams to ${url} answered by ${pod} alone`, 20_000, async () => {
    const load = await startLoad(lab, CLIENT, { url, perSecond: 50, seconds: 0.5 }).done;
    const right = load.lost === 0 && [...load.pods.keys()].join() === pod;
    return right ? { value: loadText(load) } : { seen: `${[...load.pods.keys()].join(", ")}: ${loadText(load)}` };
  });
  return value;
}

/** An address, asked at another port than 80. */
function vipAt(address: string, url: string): Vip {
  return { ...vipOf(address), url };
}
