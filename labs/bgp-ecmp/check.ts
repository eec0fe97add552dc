import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { at, listOf, objectOf, textOf } from "../runner/json.ts";
import type { Lab } from "../runner/lab.ts";
import { seconds } from "../runner/report.ts";

const NODES = ["n1", "n2", "n3"] as const;
const PODS: Readonly<Record<string, readonly string[]>> = {
  n1: ["p1a", "p1b"],
  n2: ["p2a", "p2b"],
  n3: ["p3a", "p3b"],
};
const HOLD_TIME = 9000;
const REQUESTS = 300;
/** Of 300 connections, 100 are expected per node with a deviation of 8: 45 is nowhere near chance. */
const LEAST_SHARE = 0.15;
/** Generous, because the machine may be busy; what is printed is what it took. */
const PATIENCE = 20_000;
/** A connection that was closed is seen at once; the rest is for r1 to change its table. */
const AT_ONCE = 1000;
/** A speaker waits between attempts, and so does the router before it listens to one that failed. */
const RECONNECT = 40_000;

interface Vip {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: string;
  readonly url: string;
}

interface Service {
  readonly name: string;
  readonly vips: readonly Vip[];
}

/** What the lab promises, seen from the router and the client. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, endpoints of six pods", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web-cluster", Object.values(PODS).flat());
    // p3a exists, but is not ready.
    await placeEndpoints(lab, "web-local", ["p1a"], ["p3a"]);
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2, n3 Established, IPv4 and IPv6", () => sessionsUp(lab, NODES));
  const cluster = await assigned(lab, "web-cluster");
  const local = await assigned(lab, "web-local");
  await lab.step("web-cluster (Cluster): r1's kernel has three next hops", () => routedVia(lab, cluster, NODES));
  await lab.step("web-local (Local): only n1 has a ready pod, only n1 is a next hop", () =>
    routedVia(lab, local, ["n1"]),
  );
  await checkClient(lab, cluster, local);
  await checkMovingPod(lab, local);
  await checkFailures(lab, cluster);
}

async function checkClient(lab: Lab, cluster: Service, local: Service): Promise<void> {
  for (const vip of cluster.vips) {
    await lab.step(`client: ${REQUESTS} requests to web-cluster, IPv${vip.family}, spread over nodes and pods`, () =>
      spread(lab, vip),
    );
  }
  for (const vip of local.vips) {
    await lab.step(`client: web-local, IPv${vip.family}, sees the client's own address`, async () => {
      const own = lab.addressOf("client", vip.family);
      const answers = await answersFrom(lab, vip, 20);
      const strangers = answers.filter((answer) => answer.client !== own || answer.pod !== "p1a");
      if (strangers.length > 0)
        throw new LabCheckError(`want p1a asked by ${own}, got ${JSON.stringify(strangers[0])}`);
      return own;
    });
  }
}

/** The pod of web-local moves from n1 to n2, then a second one becomes ready on n3, then all are gone and come back. */
async function checkMovingPod(lab: Lab, local: Service): Promise<void> {
  const move = async (title: string, pods: readonly string[], nodes: readonly string[]): Promise<void> => {
    await lab.step(title, async () => {
      const since = performance.now();
      await placeEndpoints(lab, local.name, pods);
      const detail = await routedVia(lab, local, nodes, { since });
      for (const vip of pods.length > 0 ? local.vips : []) await reaches(lab, vip, pods);
      return detail;
    });
  };
  await move("web-local: the pod moves from n1 to n2, the route follows", ["p2a"], ["n2"]);
  await move("web-local: a second pod is ready on n3", ["p2a", "p3b"], ["n2", "n3"]);
  await move("web-local: no pod is ready, no route is left", [], []);
  await move("web-local: a pod is ready on n1 again", ["p1b"], ["n1"]);
}

async function checkFailures(lab: Lab, cluster: Service): Promise<void> {
  await lab.step("n3's packets are lost, n2's speaker hangs: gone with the hold timer", () => holdTimer(lab, cluster));
  await lab.step("both are well again", () => backAgain(lab, cluster));
  await lab.step("n2's speaker is killed with -9: gone at once", async () => {
    const since = performance.now();
    await lab.speaker("n2").stop("SIGKILL");
    const detail = await routedVia(lab, cluster, ["n1", "n3"], { since, within: AT_ONCE });
    for (const vip of cluster.vips) await spread(lab, vip, ["n1", "n3"]);
    return detail;
  });
  await lab.step("n2's speaker is started again", async () => {
    lab.speaker("n2").start();
    return await backAgain(lab, cluster);
  });
  await lab.step("n1's speaker is stopped: gone at once, with Cease", () => cleanStop(lab, cluster));
  await lab.step("n1's speaker is started again", async () => {
    lab.speaker("n1").start();
    return await backAgain(lab, cluster);
  });
}

/** Two ways to fall silent with the TCP connection left open: only the hold timer can notice. */
async function holdTimer(lab: Lab, cluster: Service): Promise<string> {
  const start = performance.now();
  await lab.exec("n3", ["nft", "-f", "-"], CUT_BGP);
  lab.speaker("n2").signal("SIGSTOP");
  const gone = new Map<string, number>();
  await lab.until("n2 and n3 gone from r1's kernel", HOLD_TIME + PATIENCE, async () => {
    const seen: string[] = [];
    for (const vip of cluster.vips) {
      const hops = await lab.kernelNextHops("r1", vip.prefix);
      seen.push(`${vip.prefix} via ${hops.join(" ")}`);
      for (const node of ["n2", "n3"]) {
        const key = `${node} IPv${vip.family}`;
        if (!hops.includes(node) && !gone.has(key)) gone.set(key, performance.now() - start);
      }
    }
    return gone.size === 4 ? { value: true } : { seen: seen.join(", ") };
  });
  for (const [who, took] of gone) {
    // The last keepalive was sent up to a third of the hold time before.
    if (took < HOLD_TIME / 2)
      throw new LabCheckError(`${who} was gone after ${seconds(took).trim()}: not by the hold timer`);
    if (took > HOLD_TIME + 1500) throw new LabCheckError(`${who} was gone only after ${seconds(took).trim()}`);
  }
  for (const node of ["n2", "n3"]) await lastReset(lab, node, /hold timer/i);
  for (const vip of cluster.vips) await spread(lab, vip, ["n1"], 30);
  await lab.exec("n3", ["nft", "delete", "table", "inet", "cut"]);
  lab.speaker("n2").signal("SIGCONT");
  return [...gone].map(([who, took]) => `${who} ${seconds(took).trim()}`).join(", ");
}

const CUT_BGP = `table inet cut {
  chain in { type filter hook input priority filter; policy accept; tcp sport 179 drop; tcp dport 179 drop; }
  chain out { type filter hook output priority filter; policy accept; tcp sport 179 drop; tcp dport 179 drop; }
}
`;

async function cleanStop(lab: Lab, cluster: Service): Promise<string> {
  const speaker = lab.speaker("n1");
  const since = performance.now();
  const stopped = speaker.stop("SIGTERM");
  const detail = await routedVia(lab, cluster, ["n2", "n3"], { since, within: AT_ONCE });
  if (!(await stopped)) throw new LabCheckError("SIGTERM did not end the speaker within 10 s");
  await lastReset(lab, "n1", /Cease\/Administrative Shutdown/i);
  for (const vip of cluster.vips) await spread(lab, vip, ["n2", "n3"]);
  return detail;
}

async function backAgain(lab: Lab, cluster: Service): Promise<string> {
  await sessionsUp(lab, NODES, RECONNECT);
  return await routedVia(lab, cluster, NODES);
}

async function sessionsUp(lab: Lab, nodes: readonly string[], within = PATIENCE): Promise<string> {
  const { value } = await lab.until(`sessions of ${nodes.join(", ")} Established`, within, async () => {
    const states = await sessionStates(lab);
    const wrong = nodes.flatMap((node) =>
      ([4, 6] as const)
        .filter((family) => states.get(lab.addressOf(node, family)) !== "Established")
        .map((f) => `${node} IPv${f}`),
    );
    return wrong.length === 0 ? { value: states.size } : { seen: `not Established: ${wrong.join(", ")}` };
  });
  return `${value} sessions`;
}

/** The router's word on every neighbour, by the neighbour's address. */
async function sessionStates(lab: Lab): Promise<ReadonlyMap<string, string>> {
  const summary = await lab.router("r1").json("show bgp summary json");
  const peers = ["ipv4Unicast", "ipv6Unicast"].flatMap((family) =>
    Object.entries(objectOf(at(summary, family, "peers"))),
  );
  return new Map(peers.map(([address, peer]) => [address, textOf(at(peer, "state"))]));
}

/** The router says why it lost both sessions of a node. */
async function lastReset(lab: Lab, node: string, wanted: RegExp): Promise<void> {
  for (const family of [4, 6] as const) {
    const address = lab.addressOf(node, family);
    await lab.until(`r1 lost ${address} for ${wanted}`, PATIENCE, async () => {
      const neighbour = at(await lab.router("r1").json(`show bgp neighbors ${address} json`), address);
      const why = [at(neighbour, "lastNotificationReason"), at(neighbour, "lastResetDueTo")].map(textOf).join("; ");
      return wanted.test(why) ? { value: why } : { seen: why };
    });
  }
}

interface Timing {
  /** What the printed time counts from; the call itself when left out. */
  readonly since?: number;
  readonly within?: number;
}

/** Waits until the router's kernel sends every address of a service to exactly these nodes; says when, per family. */
async function routedVia(lab: Lab, service: Service, nodes: readonly string[], timing: Timing = {}): Promise<string> {
  const start = timing.since ?? performance.now();
  const route = async (vip: Vip): Promise<string> => {
    const wanted = `r1: ${vip.prefix} via ${nodes.join(", ") || "nobody"}`;
    await lab.until(wanted, timing.within ?? PATIENCE, async () => {
      const hops = await lab.kernelNextHops("r1", vip.prefix);
      return hops.join() === nodes.join() ? { value: hops } : { seen: `via ${hops.join(", ") || "nobody"}` };
    });
    return `IPv${vip.family} ${seconds(performance.now() - start).trim()}`;
  };
  return (await allDone(service.vips.map(route))).join(", ");
}

/** The addresses the controller gave a service. */
async function assigned(lab: Lab, name: string): Promise<Service> {
  let service: Service = { name, vips: [] };
  await lab.step(`${name} has an IPv4 and an IPv6 address`, async () => {
    const { value } = await lab.until(`${name} has two addresses`, PATIENCE, async () => {
      const status = at(await lab.api.get({ kind: "Service", namespace: "default", name }), "status", "loadBalancer");
      const ips = listOf(at(status, "ingress")).map((entry) => textOf(at(entry, "ip")));
      const both = ips.some((ip) => ip.includes(":")) && ips.some((ip) => ip.includes("."));
      return both && ips.length === 2 ? { value: ips } : { seen: `status.loadBalancer ${JSON.stringify(status)}` };
    });
    service = { name, vips: value.map(vipOf) };
    return value.join(", ");
  });
  return service;
}

function vipOf(address: string): Vip {
  const v6 = address.includes(":");
  const url = `http://${v6 ? `[${address}]` : address}/`;
  return { family: v6 ? 6 : 4, address, prefix: `${address}/${v6 ? 128 : 32}`, url };
}

interface Answer {
  readonly pod: string;
  readonly client: string;
}

/** Asks until every request is answered: rules and routes settle at their own pace. */
async function answersFrom(lab: Lab, vip: Vip, times: number): Promise<readonly Answer[]> {
  const { value } = await lab.until(`client: ${times} of ${times} answers from ${vip.url}`, PATIENCE, async () => {
    const lines = await lab.curl("client", vip.url, times);
    const answers = lines.flatMap((line) => {
      const [, pod, client] = /^pod=(\S+) client=(\S+)$/.exec(line) ?? [];
      return pod === undefined || client === undefined ? [] : [{ pod, client }];
    });
    return answers.length === times ? { value: answers } : { seen: `${answers.length} answers` };
  });
  return value;
}

async function reaches(lab: Lab, vip: Vip, pods: readonly string[]): Promise<void> {
  await lab.until(`client: ${vip.url} answered by ${pods.join(", ")}`, PATIENCE, async () => {
    const seen = new Set((await answersFrom(lab, vip, 20)).map((answer) => answer.pod));
    const same = pods.every((pod) => seen.has(pod)) && seen.size === pods.length;
    return same ? { value: true } : { seen: `answered by ${[...seen].join(", ")}` };
  });
}

/** Requests go in through all the given nodes (which hide the client behind themselves), and come out at every pod. */
async function spread(lab: Lab, vip: Vip, nodes: readonly string[] = NODES, requests = REQUESTS): Promise<string> {
  const answers = await answersFrom(lab, vip, requests);
  const through = shares(answers.map((answer) => lab.nodeOf(answer.client)));
  const uneven = nodes.filter((node) => (through.get(node) ?? 0) < LEAST_SHARE * requests);
  const others = [...through.keys()].filter((node) => !nodes.includes(node));
  const told = [...through]
    .map(([node, n]) => `${node} ${Math.round((100 * n) / requests)} %`)
    .toSorted()
    .join(", ");
  if (uneven.length > 0 || others.length > 0)
    throw new LabCheckError(`want a share each of ${nodes.join(", ")}, got ${told}`);
  const pods = shares(answers.map((answer) => answer.pod));
  const idle = Object.values(PODS)
    .flat()
    .filter((pod) => !pods.has(pod));
  if (requests === REQUESTS && idle.length > 0) throw new LabCheckError(`no request reached ${idle.join(", ")}`);
  return `${told}; ${pods.size} pods`;
}

function shares(values: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Writes a service's EndpointSlices, one per family, as the endpoint controller would for these pods. */
async function placeEndpoints(
  lab: Lab,
  service: string,
  ready: readonly string[],
  unready: readonly string[] = [],
): Promise<void> {
  for (const family of [4, 6] as const) {
    const endpoint = (pod: string, isReady: boolean): object => ({
      addresses: [lab.addressOf(pod, family)],
      nodeName: nodeOfPod(pod),
      conditions: { ready: isReady, serving: isReady, terminating: false },
      targetRef: { kind: "Pod", namespace: "default", name: pod },
    });
    await lab.api.apply({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${service}-ipv${family}`,
        namespace: "default",
        labels: { "kubernetes.io/service-name": service },
      },
      addressType: `IPv${family}`,
      endpoints: [...ready.map((pod) => endpoint(pod, true)), ...unready.map((pod) => endpoint(pod, false))],
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    });
  }
}

function nodeOfPod(pod: string): string {
  const found = Object.entries(PODS).find(([, pods]) => pods.includes(pod));
  if (found === undefined) throw new LabCheckError(`no node runs ${pod}`);
  return found[0];
}
