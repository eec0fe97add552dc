import { restartApi, suspendApi } from "../runner/api-outage.ts";
import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { at, textOf } from "../runner/json.ts";
import type { Lab } from "../runner/lab.ts";
import { type Load, loadText, startLoad } from "../runner/load.ts";
import { pause } from "../runner/poll.ts";
import { RouteWatch, recordText, updatesFrom } from "../runner/route-watch.ts";
import { routedVia, sessionsUp } from "../runner/router-view.ts";
import { type AddressedService, addressesOf } from "../runner/service-address.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";

const ROUTER = "r1";
const CLIENT = "client";
const NODES = ["n1", "n2", "n3"] as const;
const PER_SECOND = 100;
/** Seconds after which a load ends that nobody stopped. */
const LONGEST = 120;
/** A speaker that was started again dials at once; the machine may be busy. */
const PATIENCE = 20_000;
/** Between the end of a pod and the start of the next one of a DaemonSet. */
const REPLACED = 1000;
/** What r1 keeps stale paths for, in milliseconds. */
const STALE_PATHS = 20_000;
const API_AWAY = 20_000;
/** A speaker that did not reach the API asks again within half a minute. */
const RELISTED = 60_000;

interface Stage {
  readonly lab: Lab;
  /** Every node is a next hop. */
  readonly web: AddressedService;
  /** Only n1 is. */
  readonly local: AddressedService;
}

/** What the lab promises: speakers come and go, the API too, and r1 forwards as if nothing had happened. */
export async function check(lab: Lab): Promise<void> {
  await lab.step("manifests applied, a pod on each node", async () => {
    const objects = await lab.applyManifests();
    await placeEndpoints(lab, "web", { ready: podsOf(lab) });
    await placeEndpoints(lab, "web-local", { ready: podsOf(lab, "n1") });
    return `${objects} objects`;
  });
  await lab.step("sessions of n1, n2, n3 Established, IPv4 and IPv6", () => sessionsUp(lab, ROUTER, NODES));
  const web = await addressed(lab, "web", NODES);
  const local = await addressed(lab, "web-local", ["n1"]);
  const stage: Stage = { lab, web, local };
  await lab.step("graceful restart is agreed on in every session", () => agreed(lab));
  await checkRollout(stage, { signal: "SIGTERM", title: "as a rollout does" });
  await checkRollout(stage, { signal: "SIGKILL", title: "as a crash does" });
  await checkAllAtOnce(stage);
  await checkApiAway(stage);
  await checkNeverBack(stage);
}

async function addressed(lab: Lab, name: string, nodes: readonly string[]): Promise<AddressedService> {
  let service: AddressedService = { name, vips: [] };
  await lab.step(`${name} has an IPv4 and an IPv6 address, r1's kernel sends them to ${nodes.join(", ")}`, async () => {
    service = await addressesOf(lab, name, [4, 6]);
    return await routedVia(lab, { router: ROUTER, service, nodes });
  });
  return service;
}

/** By r1's word. */
async function agreed(lab: Lab): Promise<string> {
  for (const node of NODES) {
    for (const family of [4, 6] as const) {
      const address = lab.addressOf(node, family);
      const neighbour = at(await lab.router(ROUTER).json(`show bgp neighbors ${address} json`), address);
      const mode = textOf(at(neighbour, "neighborCapabilities", "gracefulRestart"));
      if (mode !== "advertisedAndReceived") throw new LabCheckError(`${address}: ${mode || "not advertised"}`);
    }
  }
  return `${2 * NODES.length} sessions`;
}

interface Rollout {
  readonly signal: NodeJS.Signals;
  readonly title: string;
}

async function checkRollout(stage: Stage, { signal, title }: Rollout): Promise<void> {
  const { lab } = stage;
  await undisturbed(
    stage,
    { what: `speakers are restarted one after the other with ${signal}, ${title}` },
    async () => {
      for (const node of NODES) {
        const before = await updatesFrom(lab, ROUTER, node);
        await lab.speaker(node).stop(signal);
        await pause(REPLACED);
        lab.speaker(node).start();
        await toldAgain(lab, node, before);
      }
    },
  );
}

/** A rollout in which every pod may be away. */
async function checkAllAtOnce(stage: Stage): Promise<void> {
  const { lab } = stage;
  await undisturbed(stage, { what: "all speakers are killed at once and started again" }, async () => {
    const before = await allDone(NODES.map((node) => updatesFrom(lab, ROUTER, node)));
    await allDone(NODES.map((node) => lab.speaker(node).stop("SIGKILL")));
    await pause(REPLACED);
    for (const node of NODES) lab.speaker(node).start();
    await allDone(NODES.map((node, i) => toldAgain(lab, node, before[i] ?? [])));
  });
}

/** A session that is new says everything once: an UPDATE with all prefixes, and End-of-RIB. r1 must not have been told more, nor less. */
async function toldAgain(lab: Lab, node: string, before: readonly number[]): Promise<void> {
  const wanted = before.map((count) => count + 2);
  await lab.until(`${node} has told its routes again`, PATIENCE, async () => {
    const now = await updatesFrom(lab, ROUTER, node);
    return wanted.every((count, i) => (now[i] ?? 0) >= count) ? { value: true } : { seen: `UPDATEs ${now.join(", ")}` };
  });
  await sessionsUp(lab, ROUTER, [node]);
  await pause(500);
  const now = await updatesFrom(lab, ROUTER, node);
  if (now.join() !== wanted.join())
    throw new LabCheckError(`${node}: want ${wanted.join(" and ")} UPDATEs, got ${now.join(" and ")}`);
}

interface Disturbance {
  readonly what: string;
  /** The next hop of web-local. */
  readonly local?: string;
  /** Whether sessions end, so that r1 has to keep stale paths. */
  readonly stale?: boolean;
}

/** Does something while r1 is watched and a client asks: nothing may be lost. */
async function undisturbed(
  { lab, web, local }: Stage,
  { what, local: only = "n1", stale = true }: Disturbance,
  body: () => Promise<void>,
): Promise<void> {
  const watches = [
    RouteWatch.begin(lab, { router: ROUTER, service: web, nodes: NODES }),
    RouteWatch.begin(lab, { router: ROUTER, service: local, nodes: [only] }),
  ];
  const loads = [...web.vips, ...local.vips].map(({ url }) =>
    startLoad(lab, CLIENT, { url, perSecond: PER_SECOND / 4, seconds: LONGEST }),
  );
  await allDone(loads.map(({ underWay }) => underWay));
  await lab.step(`${what}: r1 loses no next hop, the client no answer`, async () => {
    await body();
    const records = await allDone(watches.map((watch) => watch.end()));
    for (const load of loads) load.stop();
    const told = [...records.map(recordText), sumText(await allDone(loads.map(({ done }) => done)))].join("; ");
    if (records.some(({ losses }) => losses.length > 0)) throw new LabCheckError(told);
    if (stale && records.some((record) => record.stale === 0)) throw new LabCheckError(`nothing was stale: ${told}`);
    return told;
  });
}

function sumText(loads: readonly Load[]): string {
  for (const load of loads) if (load.lost > 0) throw new LabCheckError(loadText(load));
  const sum = (of: (load: Load) => number): number => loads.map(of).reduce((a, b) => a + b, 0);
  const gap = Math.round(Math.max(...loads.map(({ longestGap }) => longestGap)));
  return `${sum(({ answered }) => answered)} of ${sum(({ sent }) => sent)} answered, longest gap ${gap} ms`;
}

/** The API server hangs, and is then killed and comes back. What speakers say after that is what has changed, and nothing else. */
async function checkApiAway(stage: Stage): Promise<void> {
  const { lab } = stage;
  const time = `${API_AWAY / 1000} s`;
  const hang = { what: `the API server hangs for ${time}`, strike: () => suspendApi(lab, API_AWAY) };
  await apiAway(stage, { ...hang, move: { from: "n1", to: "n2" } });
  const death = { what: `the API server is killed and is back after ${time}`, strike: () => restartApi(lab, API_AWAY) };
  await apiAway(stage, { ...death, move: { from: "n2", to: "n1" } });
}

interface ApiAway {
  readonly what: string;
  readonly strike: () => Promise<unknown>;
  /** The next hop of web-local, and the one that its pod moves to when the API is back. */
  readonly move: { readonly from: string; readonly to: string };
}

async function apiAway(stage: Stage, { what, strike, move }: ApiAway): Promise<void> {
  const { lab, local } = stage;
  const told = (): Promise<readonly (readonly number[])[]> =>
    allDone(NODES.map((node) => updatesFrom(lab, ROUTER, node)));
  const before = await told();
  await undisturbed(stage, { what, local: move.from, stale: false }, async () => void (await strike()));
  const moved = `the pod of web-local moves from ${move.from} to ${move.to}: an UPDATE of each of the two, and no other since before`;
  await lab.step(moved, async () => {
    await placeEndpoints(lab, local.name, { ready: podsOf(lab, move.to) });
    const detail = await routedVia(lab, { router: ROUTER, service: local, nodes: [move.to] }, { within: RELISTED });
    const concerns = (node: string): boolean => node === move.from || node === move.to;
    const wanted = before.map((counts, i) => counts.map((count) => count + (concerns(NODES[i] ?? "") ? 1 : 0)));
    const now = await told();
    if (now.join() !== wanted.join()) throw new LabCheckError(`want ${wanted.join()} UPDATEs, got ${now.join()}`);
    return detail;
  });
}

/** The other half of the promise, and proof that the watch sees a loss: what does not come back is not kept for ever. */
async function checkNeverBack({ lab, web }: Stage): Promise<void> {
  const watch = RouteWatch.begin(lab, { router: ROUTER, service: web, nodes: NODES });
  await lab.step(
    `n3's speaker is killed and does not come back: r1 drops its routes after ${STALE_PATHS / 1000} s`,
    async () => {
      const since = performance.now();
      await lab.speaker("n3").stop("SIGKILL");
      const detail = await routedVia(
        lab,
        { router: ROUTER, service: web, nodes: ["n1", "n2"] },
        { since, within: 2 * STALE_PATHS },
      );
      const took = performance.now() - since;
      const { losses } = await watch.end();
      if (took < STALE_PATHS - 1000) throw new LabCheckError(`after ${Math.round(took)} ms already`);
      if (losses.length === 0) throw new LabCheckError("the watch has not seen it");
      return detail;
    },
  );
  await lab.step("it is started after all: three next hops", async () => {
    lab.speaker("n3").start();
    await sessionsUp(lab, ROUTER, NODES);
    return await routedVia(lab, { router: ROUTER, service: web, nodes: NODES });
  });
}
