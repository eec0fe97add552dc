import { join } from "node:path";
import { allDone } from "../runner/command.ts";
import { kubeconfigOf } from "../runner/control-plane.ts";
import { LabCheckError } from "../runner/errors.ts";
import { at, objectOf, parseJson, textOf } from "../runner/json.ts";
import type { Lab } from "../runner/lab.ts";
import { lostBecause, routedVia, sessionsUp } from "../runner/router-view.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { placeEndpoints } from "../runner/workload.ts";

const ROUTER = "r1";
const NODES = ["n1", "n2"];
const PER_SECOND = 100;
/** As long as the drain takes, and some seconds of the node being off. */
const LOAD_SECONDS = 15;
const RECONNECT = 40_000;
/** A busy machine takes its time to start `herald drain`. */
const PATIENCE = 15_000;

/** What came of a steady stream of requests. */
interface Load {
  readonly sent: number;
  readonly answered: number;
  /** Asked a second time, because the router moved the connection in its middle. */
  readonly again: number;
  readonly lost: number;
  readonly pods: ReadonlyMap<string, number>;
  readonly text: string;
}

/** What the lab promises: a drained node can be switched off and nobody notices. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web", { ready: ["p1", "p2"] });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2 Established, IPv4 and IPv6", () => sessionsUp(lab, ROUTER, NODES));
  let web: AddressedService = { name: "web", vips: [] };
  await lab.step("web has an IPv4 and an IPv6 address", async () => {
    web = await addressesOf(lab, "web", [4, 6]);
    return web.vips.map((vip) => vip.address).join(", ");
  });
  await lab.step("r1's kernel has two next hops", () => routedVia(lab, { router: ROUTER, service: web, nodes: NODES }));
  await checkDrain(lab, web);
  await checkReturn(lab, web);
  await checkWithout(lab, web);
}

/** Requests go on all the while: the drain, the end of the sessions, and the node that is switched off. */
async function checkDrain(lab: Lab, web: AddressedService): Promise<void> {
  const load = allDone(web.vips.map((vip) => steadyLoad(lab, vip, LOAD_SECONDS)));
  // A failure before it is awaited must not end the run: it is thrown where it is.
  load.catch(() => {});
  await lab.step("herald drain n1: Draining, RoutesWithdrawn, Drained", async () => {
    await settle(lab, 1000);
    const drained = herald(lab, ["drain", "n1", "--wait", "3s", "--reason", "new disk"]);
    drained.catch(() => {});
    await lastChoice(lab, web);
    await routedVia(lab, { router: ROUTER, service: web, nodes: ["n2"] });
    await drained;
  });
  await lab.step("r1 has no route of n1, and notes Cease/Administrative Shutdown", () =>
    lostBecause(lab, ROUTER, "n1", /Cease\/Administrative Shutdown|Cease\/Hard Reset/i),
  );
  await lab.step("n1 is switched off", () => cut(lab, "n1"));
  await lab.step(`${PER_SECOND} requests/s to each address, all the while: none is lost`, async () => {
    const [first, second] = await load;
    for (const one of [first, second]) {
      if (one === undefined || one.lost > 0) throw new LabCheckError(`want 0 lost, got ${one?.text}`);
      if ((one.pods.get("p1") ?? 0) === 0) throw new LabCheckError(`n1 had no traffic to hand over: ${one.text}`);
    }
    return `${first?.text}; ${second?.text}`;
  });
}

async function checkReturn(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("n1 is switched on and herald drain n1 --undo: it takes its share again", async () => {
    await lab.exec("n1", ["nft", "delete", "table", "inet", "off"]);
    await herald(lab, ["drain", "n1", "--undo"]);
    await sessionsUp(lab, ROUTER, NODES, RECONNECT);
    return await routedVia(lab, { router: ROUTER, service: web, nodes: NODES });
  });
}

/** Without the drain the same is noticed: that this counts lost requests is what makes the zero above worth something. */
async function checkWithout(lab: Lab, web: AddressedService): Promise<void> {
  await lab.step("the same without a drain: requests are lost", async () => {
    const load = allDone(web.vips.map((vip) => steadyLoad(lab, vip, 4)));
    load.catch(() => {});
    await settle(lab, 1000);
    await cut(lab, "n1");
    const both = await load;
    if (both.some((one) => one.lost === 0)) throw new LabCheckError("not one request was lost");
    return both.map((one) => one.text).join("; ");
  });
}

/** RFC 8326: r1 has n1's routes, with the community, at a local preference of 0. */
async function lastChoice(lab: Lab, web: AddressedService): Promise<void> {
  for (const { family, prefix } of web.vips) {
    await lab.until(`${ROUTER}: n1's path to ${prefix} is the last choice`, PATIENCE, async () => {
      const shown = await lab.router(ROUTER).json(`show bgp ipv${family} unicast ${prefix} json`);
      const paths = at(shown, "paths");
      const list = Array.isArray(paths) ? paths : [];
      const own = list.find((path) => textOf(at(path, "peer", "peerId")) === lab.addressOf("n1", family));
      const communities = textOf(at(own, "community", "string"));
      const localPref = at(own, "locPrf");
      const done = /graceful-shutdown/.test(communities) && localPref === 0;
      return done ? { value: true } : { seen: `communities ${communities || "none"}, locPrf ${String(localPref)}` };
    });
  }
}

async function steadyLoad(lab: Lab, { family, url }: Vip, duration: number): Promise<Load> {
  const script = join(lab.paths.root, "labs/runner/steady-load.mjs");
  const text = await lab.exec("client", [process.execPath, script, url, String(PER_SECOND), String(duration)]);
  const result = parseJson(text);
  const number = (key: string): number => Number(at(result, key));
  const pods = new Map(Object.entries(objectOf(at(result, "pods"))).map(([pod, n]) => [pod, Number(n)]));
  const [sent, answered, again, lost] = [number("sent"), number("answered"), number("again"), number("lost")];
  const shares = [...pods].toSorted().map(([pod, n]) => `${pod} ${n}`);
  const reasons = lost > 0 ? ` ${JSON.stringify(at(result, "reasons"))}` : "";
  const words = `IPv${family} ${answered} of ${sent} answered (${shares.join(", ")}), ${again} asked again, ${lost} lost${reasons}`;
  return { sent, answered, again, lost, pods, text: words };
}

async function herald(lab: Lab, words: readonly string[]): Promise<void> {
  const kubeconfig = kubeconfigOf(lab.paths.state);
  await lab.exec("cp", [process.execPath, lab.paths.herald, ...words, "--kubeconfig", kubeconfig]);
}

/** As a node that lost its power, but for its management link: nothing goes in, out or through. */
async function cut(lab: Lab, node: string): Promise<void> {
  await lab.exec(node, ["nft", "-f", "-"], SWITCHED_OFF);
}

const SWITCHED_OFF = `table inet off {
  chain in { type filter hook input priority filter; policy accept; iifname eth1 drop; }
  chain out { type filter hook output priority filter; policy accept; oifname eth1 drop; }
  chain through { type filter hook forward priority filter; policy drop; }
}
`;

/** The load runs for a while before anything happens to it. */
async function settle(lab: Lab, time: number): Promise<void> {
  const end = performance.now() + time;
  await lab.until("some requests under way", time + 5000, () =>
    Promise.resolve(performance.now() >= end ? { value: true } : { seen: "not long enough" }),
  );
}
