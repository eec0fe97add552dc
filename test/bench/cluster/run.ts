import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { KubernetesClient } from "../../../src/kubernetes/client.ts";
import { type ClientConfig, clientConfigFromKubeconfig } from "../../../src/kubernetes/kubeconfig.ts";
import { IP_ADDRESS_POOLS, pathOf, type Resource, SERVICE_BGP_STATUSES } from "../../../src/kubernetes/resource.ts";
import { silentLog } from "../../support/silent-log.ts";
import { until } from "../../support/until.ts";
import { CountingRouter } from "../bgp/router.ts";
import { Daemon, type Usage } from "./daemon.ts";
import { measureReader, type READERS, type ReaderFigures } from "./informers.ts";
import { POOL, ROUTER, type Size, SYSTEM, World } from "./world.ts";

const CHANGES = 20;
const IDLE = 10_000;
const POOL_POLL = 500;
const PATIENCE = 1_800_000;

/** What one part of a run took, and what it cost. */
export interface Phase {
  readonly name: string;
  readonly ms: number;
  readonly controller: Usage | undefined;
  readonly speaker: Usage | undefined;
  readonly api: Usage;
}

export interface Run {
  readonly phases: readonly Phase[];
  /** Milliseconds of each single change, by what changed. */
  readonly changes: Readonly<Record<"endpoints" | "service", readonly number[]>>;
  readonly readers: Readonly<Record<(typeof READERS)[number], ReaderFigures>>;
}

export interface RunOptions {
  readonly bundle: string;
  readonly size: Size;
  /** The router's port; the metrics of the daemons are on the two after it. */
  readonly port: number;
  readonly note: (text: string) => void;
}

/** One cluster from nothing: everything is made, measured and gone at the end. */
export async function runOnce(options: RunOptions): Promise<Run> {
  const site = new Site(options);
  try {
    return await site.run();
  } finally {
    await site.close();
  }
}

class Site {
  readonly #options: RunOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "hben-cluster-"));
  readonly #kubeconfig = join(this.#folder, "kubeconfig");
  readonly #phases: Phase[] = [];
  /** The sessions that the speakers opened, the newest last. */
  readonly #sessions: CountingRouter[] = [];
  readonly #closing: (() => unknown)[] = [];
  readonly #api: Daemon;
  #controller: Daemon | undefined;
  #speaker: Daemon | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
    const args = ["apiserver", "--log-level", "error", "--kubeconfig-out", this.#kubeconfig];
    this.#api = new Daemon({ bundle: options.bundle, args });
  }

  async run(): Promise<Run> {
    await until("the API server", () => existsSync(this.#kubeconfig), 30_000);
    const { size, port } = this.#options;
    const config = clientConfigFromKubeconfig(this.#kubeconfig);
    const client = new KubernetesClient({ log: silentLog }, config);
    this.#closing.push(() => client.close());
    const world = new World(client, size);
    const server = await CountingRouter.listen(port, ROUTER, (router) => void this.#sessions.push(router));
    this.#closing.push(() => server.close());
    await this.#phase("objects made", () => timed(() => world.populate()));
    await this.#begin(world, config);
    await this.#phase(`idle, ${IDLE / 1000} s`, () => timed(() => pause(IDLE)), 0);
    const endpoints = await this.#changes("endpoints change and come back", (n) => this.#changeEndpoints(world, n));
    const service = await this.#changes("new Service", (n) => this.#addService(world, n));
    await this.#phase("node lost", () => this.#loseNode(world));
    await this.#phase("node back", () => this.#bringBack(world));
    await this.#stopSpeaker();
    await this.#phase("speaker starts again", () => this.#startSpeaker(world));
    return { phases: this.#phases, changes: { endpoints, service }, readers: await this.#read() };
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.close();
    for (const close of this.#closing.toReversed()) await close();
    for (const daemon of [this.#speaker, this.#controller, this.#api]) await daemon?.stop();
    rmSync(this.#folder, { recursive: true });
  }

  async #begin(world: World, config: ClientConfig): Promise<void> {
    const { services } = this.#options.size;
    await world.configure(this.#options.port);
    await this.#phase("controller starts: last address", () => this.#startController(config));
    await this.#phase("speaker starts: last route", () => this.#startSpeaker(world), 0);
    const written = async (): Promise<boolean> => {
      await pause(1_000);
      return (await countOf(config, SERVICE_BGP_STATUSES)) >= services;
    };
    const statuses = (): Promise<number> => timed(() => until("every status", written, PATIENCE));
    await this.#phase("then: last status written", statuses);
  }

  get #router(): CountingRouter | undefined {
    return this.#sessions.at(-1);
  }

  /** `settle` is for how long at most what follows from it is waited for and counted. */
  async #phase(name: string, act: () => Promise<number>, settle = 60_000): Promise<void> {
    await this.#usage(name, Number.NaN);
    const ms = await act();
    for (const daemon of [this.#controller, this.#speaker]) await daemon?.settled(settle);
    const phase = await this.#usage(name, ms);
    this.#phases.push(phase);
    const { controller, speaker } = phase;
    this.#options.note(`${name}: ${Math.round(ms)} ms, controller ${text(controller)}, speaker ${text(speaker)}`);
  }

  async #usage(name: string, ms: number): Promise<Phase> {
    const [controller, speaker] = [await this.#controller?.usage(), await this.#speaker?.usage()];
    return { name, ms, controller, speaker, api: await this.#api.usage() };
  }

  async #startController(config: ClientConfig): Promise<number> {
    const { services } = this.#options.size;
    const controller = this.#daemon("controller", 1, ["--single-replica"]);
    this.#controller = controller;
    await controller.begun();
    const logged = (): boolean => controller.logged("service addresses changed") >= services;
    // A write whose answer was lost is not logged: then the pool's status tells, a moment later.
    let lookedAt = performance.now();
    const all = async (): Promise<boolean> => {
      if (logged() || performance.now() - lookedAt < POOL_POLL) return logged();
      lookedAt = performance.now();
      return (await assignedOf(config)) >= services;
    };
    return await timed(() => until("every address", all, PATIENCE));
  }

  async #startSpeaker(world: World): Promise<number> {
    // The measuring machine's own LANs are left alone: what is decided is the same.
    const exclude = join(this.#folder, "exclude.yaml");
    writeFileSync(exclude, 'announcedInterfacesToExclude: [".*"]\n');
    const before = this.#sessions.length;
    const start = performance.now();
    this.#speaker = this.#daemon("speaker", 2, ["--node-name", world.home, "--layer2-exclude", exclude]);
    await this.#speaker.begun();
    const { services } = this.#options.size;
    const complete = (): boolean => this.#sessions.length > before && (this.#router?.announced ?? 0) >= services;
    await until("every route", complete, PATIENCE);
    return (this.#router?.lastUpdateAt ?? Number.NaN) - start;
  }

  async #stopSpeaker(): Promise<void> {
    await this.#speaker?.stop();
    this.#speaker = undefined;
  }

  #daemon(kind: "controller" | "speaker", offset: number, more: readonly string[]): Daemon {
    const metricsPort = this.#options.port + offset;
    const where = ["--kubeconfig", this.#kubeconfig, "--namespace", SYSTEM];
    const ports = ["--health-probe-port", "0", "--port", String(metricsPort)];
    return new Daemon({ bundle: this.#options.bundle, args: [kind, ...where, ...ports, ...more], metricsPort });
  }

  async #changes(name: string, one: (n: number) => Promise<readonly number[]>): Promise<readonly number[]> {
    const each: number[] = [];
    const all = async (): Promise<void> => {
      for (let n = 1; n <= CHANGES; n++) each.push(...(await one(n)));
    };
    await this.#phase(`${CHANGES} × ${name}`, () => timed(all));
    return each;
  }

  async #changeEndpoints(world: World, n: number): Promise<readonly number[]> {
    const gone = await this.#toUpdate("withdrawn", 1, () => world.setEndpoints(n, false));
    const back = await this.#toUpdate("announced", 1, () => world.setEndpoints(n, true));
    return [gone, back];
  }

  async #addService(world: World, n: number): Promise<readonly number[]> {
    return [await this.#toUpdate("announced", 1, () => world.addService(n))];
  }

  async #loseNode(world: World): Promise<number> {
    return await this.#toUpdate("withdrawn", world.stranded, () => world.setNode(false));
  }

  async #bringBack(world: World): Promise<number> {
    return await this.#toUpdate("announced", world.stranded, () => world.setNode(true));
  }

  /** From before the first write to the last UPDATE. */
  async #toUpdate(what: "announced" | "withdrawn", count: number, act: () => Promise<void>): Promise<number> {
    const router = this.#router;
    if (router === undefined) throw new Error("the speaker opened no session");
    const wanted = router[what] + count;
    const start = performance.now();
    await Promise.all([act(), router.until(() => router[what] >= wanted)]);
    return router.lastUpdateAt - start;
  }

  /** Alone with the API, one after the other. */
  async #read(): Promise<Run["readers"]> {
    await this.#stopSpeaker();
    await this.#controller?.stop();
    this.#controller = undefined;
    const herald = await measureReader("herald", this.#kubeconfig);
    return { herald, "client-node": await measureReader("client-node", this.#kubeconfig) };
  }
}

/** How many there are, by a list of one of them: a whole list each second would be load of its own. */
async function countOf({ server }: ClientConfig, resource: Resource): Promise<number> {
  const answer = await fetch(`${server}${pathOf(resource, { namespace: SYSTEM })}?limit=1`);
  const list = (await answer.json()) as { items: unknown[]; metadata: { remainingItemCount?: number } };
  return list.items.length + (list.metadata.remainingItemCount ?? 0);
}

/** How many addresses the pool says are in use. */
async function assignedOf({ server }: ClientConfig): Promise<number> {
  const answer = await fetch(`${server}${pathOf(IP_ADDRESS_POOLS, { namespace: SYSTEM, name: POOL })}`);
  const { status } = (await answer.json()) as { status?: { assignedIPv4?: number } };
  return status?.assignedIPv4 ?? 0;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

function text(usage: Usage | undefined): string {
  if (usage === undefined) return "none";
  const { cpuSeconds, peakMib, turns, requests } = usage;
  const asked = [...requests].map(([verb, count]) => `${verb} ${count}`).join(" ");
  const waits = `longest turn ${Math.round(turns.longest)} ms, p99 ${Math.round(turns.p99)} ms`;
  return `${cpuSeconds.toFixed(2)} s CPU, ${Math.round(peakMib)} MiB, ${waits}, ${asked}`;
}
