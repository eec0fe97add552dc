import { setMaxListeners } from "node:events";
import { parseAllDocuments } from "yaml";
import { stripService } from "../api/strip.ts";
import { type ApiServer, createApiServer } from "../apiserver/server.ts";
import { Controller } from "../controller/controller.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import { anonymousConfig } from "../kubernetes/kubeconfig.ts";
import { type Micros, millis, seconds } from "../net/micros.ts";
import { Speaker } from "../speaker/speaker.ts";
import { aborted } from "../system/aborted.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { dialTcp } from "../system/tcp.ts";
import type { Log } from "../telemetry/log.ts";
import { TransientError } from "../wire/errors.ts";
import {
  CONFIGURATION_SUMMARY,
  clusterManifests,
  configurationManifests,
  DEMO_NAMESPACE,
  DEMO_NODES,
  endpointSlice,
  INITIAL_ENDPOINTS,
  SERVICE_MANIFESTS,
} from "./manifests.ts";
import { DemoRouter } from "./router.ts";
import { textTable } from "./text-table.ts";

export interface DemoPorts {
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  readonly say: (text: string) => void;
  /** Writes the kubeconfig and answers where it is. */
  readonly saveKubeconfig: (text: string) => string;
  /** Lets people look into a speaker; answers the socket, and ends that. Absent, nobody can. */
  readonly inspect?: (speaker: Speaker, node: string) => Promise<{ readonly path: string; close(): void }>;
}

export interface DemoOptions {
  /** CustomResourceDefinition objects. */
  readonly crds: readonly unknown[];
  /** Stays up until the signal is aborted. */
  readonly keep: boolean;
}

/** Something did not happen in its time. */
class DemoFailed extends TransientError {
  readonly code = "ERR_DEMO_FAILED";
}

const PATIENCE = seconds(20);

/** The whole of Herald on loopback: an API, a controller, three speakers and a router, and what they do with five Services. */
export async function runDemo(ports: DemoPorts, options: DemoOptions, signal: AbortSignal): Promise<void> {
  const router = new DemoRouter(ports);
  await using api = createApiServer(ports, { host: "127.0.0.1", port: 0, crds: options.crds });
  const stop = new AbortController();
  const until = AbortSignal.any([stop.signal, signal]);
  // Some forty watches of four clients listen to it: no leak.
  setMaxListeners(0, until);
  await api.start();
  const demo = new Demo(ports, { api, router, until });
  signal.addEventListener("abort", () => ports.say("\nStopping: the speakers withdraw their routes.\n"), {
    once: true,
  });
  try {
    await demo.show(await router.start());
    if (options.keep) await demo.stay();
  } finally {
    stop.abort();
    await demo.ended();
    await router.stop();
  }
}

interface Stage {
  readonly api: ApiServer;
  readonly router: DemoRouter;
  readonly until: AbortSignal;
}

class Demo {
  readonly #ports: DemoPorts;
  readonly #stage: Stage;
  readonly #running: Promise<void>[] = [];
  readonly #sockets: { readonly path: string; close(): void }[] = [];

  constructor(ports: DemoPorts, stage: Stage) {
    this.#ports = ports;
    this.#stage = stage;
  }

  async show(routerPort: number): Promise<void> {
    const { say, clock } = this.#ports;
    say(`A Kubernetes API on ${this.#stage.api.url}, a router (AS 64513) on 127.0.0.1:${routerPort}, three nodes.\n`);
    this.#apply(clusterManifests());
    await this.#startHerald();
    this.#heading("The operator applies a pool, a peer for each node and an advertisement");
    this.#apply(configurationManifests(routerPort));
    say(CONFIGURATION_SUMMARY);
    this.#heading("Users apply five Services of type LoadBalancer");
    const started = clock.now();
    this.#apply(SERVICE_MANIFESTS);
    for (const [service, nodes] of Object.entries(INITIAL_ENDPOINTS)) this.#place(service, nodes);
    await this.#wait("every Service to have its addresses", () => this.#services().every(({ ips }) => ips.length > 0));
    say(this.#serviceTable());
    await this.#wait("the router to have every route", () => this.#hasAllRoutes());
    this.#heading(`The router has every route, ${this.#since(started)} after the first Service was applied`);
    say(this.#routeTable());
    await this.#moveEndpoints();
  }

  /** Waits for Ctrl-C. */
  stay(): Promise<void> {
    const path = this.#ports.saveKubeconfig(this.#stage.api.kubeconfig());
    this.#heading("It stays up until Ctrl-C: try it yourself");
    this.#ports.say(
      `export KUBECONFIG=${path}\nkubectl get services\nkubectl -n ${DEMO_NAMESPACE} get ipaddresspools,bgppeers\n`,
    );
    if (this.#sockets.length > 0) this.#ports.say(lookInside(this.#sockets.map((socket) => socket.path)));
    return aborted(this.#stage.until);
  }

  async ended(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    await Promise.all(this.#running);
  }

  /** Pods of a Local Service move: its route must follow them, and nothing else may change. */
  async #moveEndpoints(): Promise<void> {
    const prefix = `${this.#services().find(({ name }) => name === "api")?.ips[0]}/32`;
    this.#heading("The only pod of api (externalTrafficPolicy: Local) moves from node-a to node-c");
    const started = this.#ports.clock.now();
    this.#place("api", ["node-c"]);
    const moved = (): boolean => this.#nodes(prefix).join() === "node-c";
    await this.#wait("the route of api to follow its pod", moved);
    this.#ports.say(`${prefix} goes through node-c now, ${this.#since(started)} after the EndpointSlice changed:\n`);
    this.#ports.say(this.#routeTable());
    this.#heading("The last pod of api is gone");
    const gone = this.#ports.clock.now();
    this.#place("api", []);
    await this.#wait("the route of api to be withdrawn", () => this.#nodes(prefix).length === 0);
    this.#ports.say(`${prefix} is withdrawn, ${this.#since(gone)} after the EndpointSlice changed.\n`);
  }

  async #startHerald(): Promise<void> {
    const { until, api } = this.#stage;
    const { clock, wallClock, random, log } = this.#ports;
    const base = { clock, wallClock, random, log };
    const client = (): KubernetesClient => new KubernetesClient(base, anonymousConfig(api.url));
    const options = { namespace: DEMO_NAMESPACE, loadBalancerClass: "" };
    const controller = new Controller({ ...base, client: client() }, options);
    controller.start(until);
    // There is one controller and it is in this process: nobody to compete with for a Lease.
    this.#running.push(controller.lead(until));
    for (const { name } of DEMO_NODES) {
      const ports = { ...base, client: client(), dial: dialTcp, nextHopFor: () => undefined };
      const speaker = new Speaker(ports, { ...options, nodeName: name, ignoreExcludeLb: false });
      const socket = await this.#ports.inspect?.(speaker, name);
      if (socket !== undefined) this.#sockets.push(socket);
      this.#running.push(speaker.run(until));
    }
  }

  #apply(manifests: string): void {
    for (const document of parseAllDocuments(manifests)) this.#stage.api.store.apply(document.toJS());
  }

  #place(service: string, nodes: readonly string[]): void {
    this.#stage.api.store.apply(endpointSlice(service, nodes));
  }

  #services(): readonly ServiceRow[] {
    return this.#stage.api.store.list("v1", "Service", "default").flatMap((raw) => {
      const service = stripService(raw);
      if (service?.spec.type !== "LoadBalancer") return [];
      const ips = (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []);
      return [{ name: service.metadata.name, policy: service.spec.externalTrafficPolicy ?? "Cluster", ips }];
    });
  }

  #serviceTable(): string {
    const rows = this.#services().map(({ name, policy, ips }) => [name, policy, ips.join(",")]);
    return textTable(["SERVICE", "TRAFFIC POLICY", "EXTERNAL-IP"], rows);
  }

  #routeTable(): string {
    const rows = this.#stage.router.table().map(({ prefix, paths, communities }) => {
      const nodes = paths.map(({ peer }) => nodeAt(peer) ?? peer);
      const hops = paths.map(({ nextHop }) => nextHop);
      return [prefix.toString(), nodes.join(" "), communities.join(" "), hops.join(" ")];
    });
    return textTable(["PREFIX", "NODES", "COMMUNITIES", "NEXT HOPS"], rows);
  }

  #hasAllRoutes(): boolean {
    const wanted = this.#services().flatMap(({ policy, ips }) =>
      ips.map((ip) => ({ ip, hops: policy === "Local" ? 1 : DEMO_NODES.length })),
    );
    return wanted.every(({ ip, hops }) => this.#nodes(`${ip}/${ip.includes(":") ? 128 : 32}`).length === hops);
  }

  #nodes(prefix: string): readonly string[] {
    const row = this.#stage.router.table().find((one) => one.prefix.toString() === prefix);
    return (row?.paths ?? []).map(({ peer }) => nodeAt(peer) ?? peer);
  }

  #since(start: Micros): string {
    return `${Math.round((this.#ports.clock.now() - start) / 1000)} ms`;
  }

  #heading(text: string): void {
    this.#ports.say(`\n== ${text}\n\n`);
  }

  async #wait(what: string, done: () => boolean): Promise<void> {
    const { clock } = this.#ports;
    const limit = clock.now() + PATIENCE;
    while (!done()) {
      if (this.#stage.until.aborted) throw new DemoFailed(`stopped while waiting for ${what}`);
      if (clock.now() > limit) throw new DemoFailed(`waited ${PATIENCE / seconds(1)} s in vain for ${what}`);
      await new Promise<void>((resolve) => clock.after(millis(1), resolve));
    }
  }
}

function lookInside(sockets: readonly string[]): string {
  const flags = sockets.map((path) => `--socket ${path}`).join(" ");
  // A function: zsh would take a variable for one word.
  return `\nLook into the three speakers:\ninside() { herald "$@" ${flags}; }\ninside sessions\ninside routes\ninside watch --tail 10\n`;
}

interface ServiceRow {
  readonly name: string;
  readonly policy: string;
  readonly ips: readonly string[];
}

function nodeAt(address: string): string | undefined {
  return DEMO_NODES.find((node) => node.address === address)?.name;
}
