import { setMaxListeners } from "node:events";
import { Controller } from "../../src/controller/controller.ts";
import { leadByLease } from "../../src/controller/leadership.ts";
import type { ControllerOptions } from "../../src/controller/ports.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig, type ClientConfig } from "../../src/kubernetes/kubeconfig.ts";
import { LeaderElection } from "../../src/kubernetes/lease.ts";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { Speaker, type SpeakerOptions, type SpeakerPorts } from "../../src/speaker/speaker.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { suspendAwareClock } from "../../src/system/suspend-aware-clock.ts";
import { dialTcp } from "../../src/system/tcp.ts";
import type { ApiProxy } from "../support/api-proxy.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import type { Site } from "./site.ts";

const PORTS = { clock: systemClock, wallClock: systemWallClock, random: systemRandom, log: silentLog };

/** A daemon in this process, over real sockets. */
export interface Running extends AsyncDisposable {
  /** Ends it as SIGTERM would, and waits. */
  stop(): Promise<void>;
}

/** The way to the API through a proxy; it gives up on silence soon, so that tests of black holes need not wait. */
export function through(proxy: ApiProxy): ClientConfig {
  return { ...anonymousConfig(proxy.url), requestTimeout: seconds(2), watchIdleTimeout: seconds(3) };
}

function running(stop: AbortController, done: Promise<unknown>, client: KubernetesClient): Running {
  // A daemon that fails before anybody waits for it must not end the test run.
  done.catch(() => {});
  const end = async (): Promise<void> => {
    stop.abort();
    try {
      await done;
    } finally {
      client.close();
    }
  };
  return { stop: end, [Symbol.asyncDispose]: end };
}

function stopper(): AbortController {
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  return stop;
}

export interface RunningController extends Running {
  readonly controller: Controller;
}

/** A controller without a Lease: the only one. It leads as soon as its caches are complete. */
export async function startController(
  site: Site,
  config: ClientConfig = site.cluster.config,
  podName?: string,
  goneNodeGrace?: Micros,
): Promise<RunningController> {
  const started = launchController(site, config, { podName, goneNodeGrace });
  await until("the controller's caches to be complete", () => started.controller.unsynced().length === 0);
  return started;
}

/** The same, without waiting for anything. */
export function launchController(
  site: Site,
  config: ClientConfig,
  more: Pick<ControllerOptions, "podName" | "goneNodeGrace"> = {},
): RunningController {
  const stop = stopper();
  const client = new KubernetesClient(PORTS, config);
  const options = { namespace: site.system, loadBalancerClass: site.lbClass, ...more };
  const controller = new Controller({ ...PORTS, client }, options);
  controller.start(stop.signal);
  const done = controller.lead(stop.signal);
  return { controller, ...running(stop, done, client) };
}

export interface Candidate extends Running {
  readonly lease: LeaderElection;
}

/** One of several controllers. Its Lease changes hands faster than in production. */
export function startCandidate(site: Site, config: ClientConfig, identity: string): Candidate {
  const stop = stopper();
  const base = { ...PORTS, clock: suspendAwareClock };
  const client = new KubernetesClient(base, config);
  const options = { namespace: site.system, loadBalancerClass: site.lbClass };
  const controller = new Controller({ ...base, client }, options);
  const timing = { leaseDuration: seconds(2), renewDeadline: millis(1500), retryPeriod: millis(200) };
  const where = { namespace: site.system, name: "herald-controller", identity };
  const lease = new LeaderElection({ ...base, client }, { ...where, ...timing });
  controller.start(stop.signal);
  const done = leadByLease(lease, stop.signal, (term, wasReleased) =>
    controller.lead(term, { mayWrite: () => lease.isLeader(), lateWrites: !wasReleased }),
  );
  return { lease, ...running(stop, done, client) };
}

export interface RunningSpeaker extends Running {
  readonly speaker: Speaker;
}

/** What a speaker has for layer 2, and how it is set. */
export type SpeakerExtra = Pick<SpeakerPorts, "startLayer2" | "members"> & Pick<SpeakerOptions, "layer2" | "podName">;

/** The speaker of one node of the site. */
export async function startSpeaker(
  site: Site,
  node: string,
  config: ClientConfig = site.cluster.config,
  { layer2, podName, ...extra }: SpeakerExtra = {},
): Promise<RunningSpeaker> {
  const stop = stopper();
  const client = new KubernetesClient(PORTS, config);
  const ports = { ...PORTS, client, dial: dialTcp, nextHopFor: () => undefined, ...extra };
  const speaker = new Speaker(ports, {
    ...(layer2 === undefined ? {} : { layer2 }),
    podName,
    namespace: site.system,
    nodeName: site.nodeName(node),
    loadBalancerClass: site.lbClass,
    ignoreExcludeLb: false,
  });
  const done = speaker.run(stop.signal);
  await until("the speaker's caches to be complete", () => speaker.unsynced().length === 0);
  return { speaker, ...running(stop, done, client) };
}
