import { LabCheckError } from "../runner/errors.ts";
import { at, objectOf, textOf } from "../runner/json.ts";
import { eventSays } from "../runner/l2-view.ts";
import type { Lab } from "../runner/lab.ts";
import { loadText, type RunningLoad, startLoad } from "../runner/load.ts";
import { established, routedVia } from "../runner/router-view.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { answersFrom, tally } from "../runner/traffic.ts";
import { placeEndpoints } from "../runner/workload.ts";

type Family = 4 | 6;

const BOTH = [4, 6] as const;
const NODES = ["n1", "n2"] as const;
const ROUTERS = ["r1", "r2"] as const;
type Router = (typeof ROUTERS)[number];
const CLIENTS: Readonly<Record<Router, string>> = { r1: "c1", r2: "c2" };
/** What manifests/ has, and the families that each is to have addresses of. */
const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  require: BOTH,
  prefer: BOTH,
  four: [4],
  six: [6],
  local: BOTH,
  "prefer-short": [4],
};
const REQUESTS = 40;
const PER_SECOND = 50;
/** Seconds after which a load ends that nobody stopped. */
const LONGEST = 120;
const PATIENCE = 20_000;
/** A speaker waits between attempts, and so does a router before it listens to one that failed. */
const RECONNECT = 40_000;

type Services = ReadonlyMap<string, AddressedService>;

/** What the lab promises: each family goes its own way, on whatever session it travels. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node; local has p1's alone", async () => {
    const objects = await lab.applyManifests();
    for (const name of Object.keys(FAMILIES)) await placeEndpoints(lab, name, { ready: ["p1", "p2"] });
    await placeEndpoints(lab, "local", { ready: ["p1"], unready: ["p2"] });
    return `${objects} objects`;
  });
  await checkSessions(lab);
  const services = await checkAddresses(lab);
  await checkRoutes(lab, services);
  await checkClients(lab, services);
  await checkLocal(lab, serviceOf(services, "local"));
  await checkLostSession(lab, services);
  await checkLostFamily(lab, services);
}

async function checkSessions(lab: Lab): Promise<void> {
  await lab.step("r1 has one session with each node, over IPv4, and both families on it", async () => {
    await established(lab, "r1", neighbours(lab, 4));
    for (const address of neighbours(lab, 4)) await carries(lab, address, BOTH);
    return neighbours(lab, 4).join(", ");
  });
  await lab.step("r2 has two sessions with each node, one for each family", () =>
    established(lab, "r2", [...neighbours(lab, 4), ...neighbours(lab, 6)]),
  );
}

function neighbours(lab: Lab, family: Family): readonly string[] {
  return NODES.map((node) => lab.addressOf(node, family));
}

/** Waits until r1's session carries exactly these families. */
async function carries(lab: Lab, address: string, families: readonly Family[]): Promise<void> {
  await lab.until(`r1: ${address} with IPv${families.join(" and IPv")}`, RECONNECT, async () => {
    const neighbour = at(await lab.router("r1").json(`show bgp neighbors ${address} json`), address);
    const agreed = at(neighbour, "neighborCapabilities", "multiprotocolExtensions");
    const seen = BOTH.filter((family) => at(agreed, `ipv${family}Unicast`, "advertisedAndReceived") === true);
    const state = textOf(at(neighbour, "bgpState"));
    const same = state === "Established" && seen.join() === families.join();
    return same ? { value: true } : { seen: `${state}, IPv${seen.join(" and IPv")}` };
  });
}

async function checkAddresses(lab: Lab): Promise<Services> {
  const services = new Map<string, AddressedService>();
  await lab.step(
    "require and prefer have two addresses, four and six one, prefer-short what its pool has",
    async () => {
      for (const [name, families] of Object.entries(FAMILIES))
        services.set(name, await addressesOf(lab, name, families));
      return [...services.values()]
        .map(({ name, vips }) => `${name} ${vips.map(({ address }) => address).join(" ")}`)
        .join(", ");
    },
  );
  await lab.step("require-short, whose pool has no IPv6, has none, and an event says why", async () => {
    const said = await eventSays(lab, { kind: "Service", name: "require-short", reason: /^AllocationFailed$/ });
    await addressesOf(lab, "require-short", []);
    return said;
  });
  return services;
}

function serviceOf(services: Services, name: string): AddressedService {
  return services.get(name) ?? { name, vips: [] };
}

/** The part of a service that is of one family. */
function only(service: AddressedService, family: Family): AddressedService {
  return { ...service, vips: service.vips.filter((vip) => vip.family === family) };
}

async function checkRoutes(lab: Lab, services: Services): Promise<void> {
  for (const router of ROUTERS) {
    await lab.step(`${router}: require via n1 and n2 in both families, local via n1 alone`, async () => {
      await routed(lab, router, serviceOf(services, "local"), ["n1"]);
      return await routed(lab, router, serviceOf(services, "require"), NODES);
    });
    await lab.step(`${router} has a route for each address, and no other`, async () => {
      for (const family of BOTH) await hasExactly(lab, router, family, services);
    });
  }
}

async function hasExactly(lab: Lab, router: Router, family: Family, services: Services): Promise<void> {
  const vips = [...services.values()].flatMap(({ vips: all }) => all.filter((vip) => vip.family === family));
  const wanted = vips.map(({ prefix }) => prefix).toSorted();
  await lab.until(`${router}: ${wanted.join(", ")} and no other`, PATIENCE, async () => {
    const table = await lab.router(router).json(`show bgp ipv${family} unicast json`);
    const seen = Object.keys(objectOf(at(table, "routes"))).toSorted();
    return seen.join() === wanted.join() ? { value: true } : { seen: seen.join(", ") };
  });
}

async function routed(lab: Lab, router: Router, service: AddressedService, nodes: readonly string[]): Promise<string> {
  return await routedVia(lab, { router, service, nodes });
}

async function checkClients(lab: Lab, services: Services): Promise<void> {
  for (const router of ROUTERS) {
    const client = CLIENTS[router];
    await lab.step(`${client}, behind ${router}, is answered by both pods at every address`, async () => {
      const asked = ["require", "prefer", "four", "six", "prefer-short"].flatMap(
        (name) => serviceOf(services, name).vips,
      );
      for (const vip of asked) await answeredBy(lab, client, vip, ["p1", "p2"]);
      return `${asked.length} addresses, ${REQUESTS} requests each`;
    });
  }
}

async function answeredBy(lab: Lab, client: string, vip: Vip, pods: readonly string[]): Promise<void> {
  await lab.until(`${client}: ${vip.url} answered by ${pods.join(", ")}`, PATIENCE, async () => {
    const seen = tally((await answersFrom(lab, client, vip, REQUESTS)).map(({ pod }) => pod));
    return [...seen.keys()].toSorted().join() === pods.join()
      ? { value: true }
      : { seen: `answered by ${[...seen.keys()].join(", ")}` };
  });
}

/** With the traffic policy Local the pod sees who asked, and the route is where the pod is: in both families. */
async function checkLocal(lab: Lab, local: AddressedService): Promise<void> {
  await lab.step("local: p1 sees c1's and c2's own addresses, IPv4 and IPv6", () => seesClients(lab, local, "p1"));
  await lab.step("local's pod moves to n2: both families follow at both routers", async () => {
    await placeEndpoints(lab, local.name, { ready: ["p2"], unready: ["p1"] });
    for (const router of ROUTERS) await routed(lab, router, local, ["n2"]);
    return await seesClients(lab, local, "p2");
  });
}

async function seesClients(lab: Lab, local: AddressedService, pod: string): Promise<string> {
  const seen: string[] = [];
  for (const client of Object.values(CLIENTS)) {
    for (const vip of local.vips) {
      await answeredBy(lab, client, vip, [pod]);
      const [answer] = await answersFrom(lab, client, vip, 1);
      const own = lab.addressOf(client, vip.family);
      if (answer?.client !== own) throw new LabCheckError(`want ${pod} asked by ${own}, got ${answer?.client}`);
      seen.push(own);
    }
  }
  return seen.join(", ");
}

/** Where each family has a session of its own, the end of one is nothing to the other. */
async function checkLostSession(lab: Lab, services: Services): Promise<void> {
  const require = serviceOf(services, "require");
  const before = await timesEstablished(lab);
  const loads = await steady(lab, require, [
    ["c2", 4],
    ["c1", 6],
  ]);
  await lab.step("r2 shuts its IPv6 sessions: its IPv6 routes go, its IPv4 routes stay", async () => {
    await configure(lab, "r2", ["router bgp 64514", "neighbor NODES6 shutdown"]);
    await routed(lab, "r2", only(require, 6), []);
    return await routed(lab, "r2", only(require, 4), NODES);
  });
  await lab.step("r1, whose one session carries both, still has both", () => routed(lab, "r1", require, NODES));
  await lab.step(`${PER_SECOND} requests/s from c2 by IPv4 and from c1 by IPv6 meanwhile: none is lost`, () =>
    noneLost(loads),
  );
  await lab.step("r2 opens them again: its IPv6 routes are back, and no IPv4 session was touched", async () => {
    await configure(lab, "r2", ["router bgp 64514", "no neighbor NODES6 shutdown"]);
    await established(lab, "r2", neighbours(lab, 6), RECONNECT);
    const after = await timesEstablished(lab);
    if (after !== before)
      throw new LabCheckError(`r2's IPv4 sessions were established ${after} times, ${before} before`);
    return await routed(lab, "r2", require, NODES);
  });
}

/** A family cannot be taken off a session that is up: the router ends it, and the next one goes without. */
async function checkLostFamily(lab: Lab, services: Services): Promise<void> {
  const require = serviceOf(services, "require");
  const family = (words: string): Promise<void> =>
    configure(lab, "r1", ["router bgp 64513", "address-family ipv6 unicast", words]);
  const loads = await steady(lab, require, [
    ["c2", 4],
    ["c2", 6],
  ]);
  await lab.step("r1 takes IPv6 off its sessions: they come back with IPv4 alone", async () => {
    await family("no neighbor NODES activate");
    for (const address of neighbours(lab, 4)) await carries(lab, address, [4]);
  });
  await lab.step("r1 has its IPv4 routes again and no IPv6 route, c1 is answered by IPv4", async () => {
    const told = await routed(lab, "r1", only(require, 4), NODES);
    await routed(lab, "r1", only(require, 6), []);
    for (const vip of only(require, 4).vips) await answeredBy(lab, "c1", vip, ["p1", "p2"]);
    return told;
  });
  await lab.step(`${PER_SECOND} requests/s from c2 by IPv4 and IPv6 meanwhile: none is lost`, () => noneLost(loads));
  await lab.step("r1 takes IPv6 on again: both families on one session, both routes", async () => {
    await family("neighbor NODES activate");
    for (const address of neighbours(lab, 4)) await carries(lab, address, BOTH);
    return await routed(lab, "r1", require, NODES);
  });
}

async function configure(lab: Lab, router: Router, lines: readonly string[]): Promise<void> {
  await lab.router(router).text(["configure terminal", ...lines].join("\n"));
}

/** How often r2's IPv4 sessions were established. */
async function timesEstablished(lab: Lab): Promise<string> {
  const counts: number[] = [];
  for (const address of neighbours(lab, 4)) {
    const neighbour = at(await lab.router("r2").json(`show bgp neighbors ${address} json`), address);
    counts.push(Number(at(neighbour, "connectionsEstablished")));
  }
  return counts.join(" and ");
}

/** Requests go on from here, until `noneLost` ends them. */
async function steady(
  lab: Lab,
  service: AddressedService,
  from: readonly (readonly [string, Family])[],
): Promise<readonly RunningLoad[]> {
  const loads = from.flatMap(([client, family]) =>
    only(service, family).vips.map(({ url }) =>
      startLoad(lab, client, { url, perSecond: PER_SECOND, seconds: LONGEST }),
    ),
  );
  await Promise.all(loads.map(({ underWay }) => underWay));
  return loads;
}

async function noneLost(loads: readonly RunningLoad[]): Promise<string> {
  for (const load of loads) load.stop();
  const results = await Promise.all(loads.map(({ done }) => done));
  const text = results.map(loadText).join("; ");
  if (results.some(({ lost, answered }) => lost > 0 || answered === 0))
    throw new LabCheckError(`want 0 lost, got ${text}`);
  return text;
}
