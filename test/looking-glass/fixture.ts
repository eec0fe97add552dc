import { serviceKey } from "../../src/api/brands.ts";
import { factsOf } from "../../src/cli/explain-facts.ts";
import { explain } from "../../src/inspection/explain/explain.ts";
import type { Observed } from "../../src/inspection/explain/facts.ts";
import type { ExplainService } from "../../src/looking-glass/answers.ts";
import { LookingGlass } from "../../src/looking-glass/looking-glass.ts";
import type { PageFile } from "../../src/looking-glass/model.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { systemClock } from "../../src/system/clock.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import type { MadeUpObject } from "./made-up-api.ts";
import { addressAfter, MadeUpCluster, type MadeUpService } from "./made-up-cluster.ts";

/** What the looking glass is to look at. */
export interface FixtureOptions {
  /** More Services than the ten that have something to say. */
  readonly services?: number;
  readonly nodes?: number;
  readonly port?: number;
  readonly pages?: readonly PageFile[];
  /** Speakers alone, as on a node or in standalone. */
  readonly withoutApi?: boolean;
  /** Begin without a past. */
  readonly withoutPast?: boolean;
}

const HOUR = 3600;
const NAMESPACE = "metallb-system";
export const TOKEN = "a-token-for-tests-that-nobody-has-to-guess";
const ROUTERS = [
  { peer: "tor1", address: "10.0.0.253", asn: 64513 },
  { peer: "tor2", address: "10.0.0.254", asn: 64514 },
];

/** The looking glass over a made-up cluster, and what a test may do to both. */
export class Fixture {
  readonly cluster: MadeUpCluster;
  readonly #options: FixtureOptions;
  readonly #time: Time;
  #stop = new AbortController();
  #glass: LookingGlass | undefined;
  #port: number;
  #churn: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(options: FixtureOptions = {}) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#time = new Time();
    if (options.withoutPast !== true) this.#time.goBack(HOUR);
    const count = options.nodes ?? 3;
    const names = Array.from({ length: count }, (_, i) =>
      count === 3 ? `node${i + 1}` : `node${`${i + 1}`.padStart(3, "0")}`,
    );
    this.cluster = new MadeUpCluster(names, ROUTERS, this.#time.now);
    fill(this.cluster, options.services ?? 0);
    this.cluster.countRoutes();
  }

  /** With the token, for a browser. */
  get url(): string {
    return this.#glass?.url ?? "";
  }

  get origin(): string {
    return this.url.replace(/\/#.*$/, "");
  }

  get ticket(): string {
    return this.#glass?.ticket() ?? "";
  }

  /** Serves, at first with a past: what happened in the last hour. */
  async start(): Promise<this> {
    const isFirst = this.#glass === undefined;
    await this.startServer();
    if (isFirst && this.#options.withoutPast !== true) await this.#play();
    return this;
  }

  /** Serves on the same port with the same token as before. */
  async startServer(): Promise<void> {
    this.#stop = new AbortController();
    const glass = new LookingGlass(this.#ports(), this.#options.pages ?? []);
    this.#glass = glass;
    await glass.start({ address: "127.0.0.1", port: this.#port }, this.#stop.signal);
    this.#port = Number(new URL(glass.url).port);
  }

  /** As when the process ends. */
  async stopServer(): Promise<void> {
    this.#stop.abort();
    await settle();
  }

  async stop(): Promise<void> {
    clearInterval(this.#churn);
    await this.stopServer();
  }

  /** So many changes of Services in a second: endpoints come and go. */
  churn(perSecond: number): void {
    clearInterval(this.#churn);
    if (perSecond > 0) this.#churn = setInterval(() => this.changeOne(), 1000 / perSecond);
  }

  changeOne(): void {
    this.#turn += 1;
    const all = this.#options.services ?? 0;
    const index = all === 0 ? 0 : (this.#turn * 7919) % all;
    const service = this.cluster.service(all === 0 ? "shop/web" : keyOf(index));
    if (service === undefined) return;
    const less = service.endpoints.length === 1 ? this.cluster.nodes.slice(0, 3) : service.endpoints.slice(0, 1);
    this.cluster.putService({ ...service, endpoints: less });
  }

  async get(path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(`${this.origin}${path}`, { headers: { authorization: `Bearer ${TOKEN}` }, ...init });
  }

  #ports(): ConstructorParameters<typeof LookingGlass>[0] {
    const { api, speakers } = this.cluster;
    let secrets = 0;
    return {
      clock: systemClock,
      wallClock: this.#time.now,
      random: Math.random,
      log: silentLog,
      secret: () => (secrets++ === 0 ? TOKEN : `ticket-${secrets}-${Math.random().toString(36).slice(2)}`),
      roster: async () => ({ speakers: [...speakers.values()], silent: [] }),
      cluster:
        this.#options.withoutApi === true
          ? undefined
          : { client: api.client, namespace: NAMESPACE, loadBalancerClass: undefined, explain: this.#explain },
    };
  }

  readonly #explain: ExplainService = async (service, { node, peer }) => {
    const [namespace, name = ""] = service.split("/", 2);
    const key = serviceKey(namespace, name);
    const many = (this.#options.services ?? 0) > 200;
    const all = this.cluster.api.documents();
    // Explaining among thousands takes a second of somebody's time: the command gives that to a thread.
    const documents = many ? all.filter((one) => decides(one, service)) : all;
    const options = { namespace: NAMESPACE, loadBalancerClass: undefined, ignoreExcludeLb: false };
    const facts = { ...factsOf([documents], options, key), observed: this.#observed() };
    return explain(facts, { service: key, node, peer });
  };

  #observed(): Observed {
    const all = [...this.cluster.speakers.values()];
    return {
      answered: new Set(all.map(({ name }) => name)),
      silent: new Map(),
      complete: true,
      sessions: all.flatMap(({ sessions }) => [...sessions.values()]),
      routes: all.flatMap(({ routes }) => [...routes.values()].flat()),
      plans: all.flatMap(({ plans }) => [...plans.values()]),
      layer2: [],
      members: [],
      sessionStates: [],
    };
  }

  /** An hour in a moment: sessions that flapped, an address that moved, Services that came. */
  async #play(): Promise<void> {
    const { cluster } = this;
    const [first = "", second = "", third = ""] = cluster.nodes;
    const steps: readonly (readonly [number, () => void])[] = [
      [60, () => cluster.move(first, { type: "allocated", service: "shop/web", addresses: ["192.0.2.10"] })],
      [
        61,
        () =>
          cluster.move(first, { type: "announced", protocol: "bgp", service: "shop/web", addresses: ["192.0.2.10"] }),
      ],
      [600, () => cluster.sessionDown(first, "tor2", "NOTIFICATION in: Cease, Administrative Reset")],
      [645, () => cluster.sessionUp(first, "tor2")],
      [1200, () => cluster.moveAddress("shop/cart", second)],
      [1500, () => cluster.move(second, { type: "member-gone", other: third })],
      [1530, () => cluster.move(second, { type: "member-joined", other: third })],
      [1800, () => cluster.moveAddress("shop/cart", first)],
      [2400, () => cluster.sessionDown(second, "tor1", "the hold time expired")],
      [2412, () => cluster.sessionUp(second, "tor1")],
      [
        2700,
        () =>
          cluster.move(first, {
            type: "refused",
            protocol: "bgp",
            service: "shop/orphan",
            reason: "no-endpoint",
            message: "no EndpointSlice of Service shop/orphan has a usable endpoint",
          }),
      ],
      [2900, () => cluster.moveAddress("shop/cart", third)],
      [3000, () => cluster.sessionDown(third, "tor2", "connect ECONNREFUSED 10.0.0.254:179")],
      [3200, () => quarantine(cluster, first)],
      [
        3420,
        () =>
          cluster.move(second, {
            type: "elected",
            protocol: "layer2",
            service: "shop/cart",
            other: third,
            reason: "lost-election",
          }),
      ],
    ];
    // The board has to be there before anything happens to it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const [second_, act] of steps) {
      this.#time.goTo(second_);
      act();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    this.#time.goForth();
  }
}

function decides({ kind, metadata: { namespace, name, labels } }: MadeUpObject, service: string): boolean {
  if (kind === "Service") return `${namespace}/${name}` === service;
  return kind === "EndpointSlice"
    ? `${namespace}/${name}` === `${service}-1`
    : !kind.endsWith("Status") && labels === undefined;
}

/** The wall clock of a made-up cluster: it may be in the past, where it stands still. */
class Time {
  #begun = 0;
  #at: number | undefined;

  readonly now = (): Date => new Date(this.#at ?? Date.now());

  goBack(seconds: number): void {
    this.#begun = Date.now() - seconds * 1000;
    this.#at = this.#begun;
  }

  goTo(second: number): void {
    this.#at = this.#begun + second * 1000;
  }

  goForth(): void {
    this.#at = undefined;
  }
}

/** A stranger answers for an address. */
function quarantine(cluster: MadeUpCluster, node: string): void {
  const service = cluster.service("shop/printer");
  if (service?.ip === undefined) return;
  const held = cluster.speaker(node).layer2.get(service.ip);
  if (held !== undefined) cluster.speaker(node).layer2.set(service.ip, { ...held, state: "quarantined", conflicts: 3 });
  const message = `${service.ip} is in use by 02:aa:bb:cc:dd:ee on interface eth0 of Node ${node}`;
  cluster.move(node, {
    type: "conflict",
    protocol: "layer2",
    service: "shop/printer",
    addresses: [service.ip],
    reason: "address-conflict",
    message,
  });
  const conditions = [{ type: "herald.io/AddressConflict", status: "True", reason: "AddressInUse", message }];
  cluster.putService({ ...service, conditions });
}

const FIRST_BIG = parseIpAddress("10.128.0.0")?.value ?? 0n;
const NAMESPACES = 24;

function keyOf(index: number): string {
  return `team${index % NAMESPACES}/service${`${index}`.padStart(5, "0")}`;
}

/** Ten Services that have something to say, and as many as are wanted that are well but for a few. */
function fill(cluster: MadeUpCluster, many: number): void {
  const [first = "", second = "", third = ""] = cluster.nodes;
  const three = [first, second, third];
  cluster.addPool("main", ["192.0.2.0/24"]);
  cluster.addPool("small", ["203.0.113.0/30"], { autoAssign: false });
  cluster.addPool("lan", ["198.51.100.1-198.51.100.40"], { avoidBuggyIPs: true });
  cluster.addPool("six", ["2001:db8::/64"]);
  cluster.addInvalidPeer("broken");
  for (const name of ["shop", "kube-system"])
    cluster.api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  for (const service of tellingServices(three)) cluster.putService(service);
  if (many === 0) return;
  cluster.addPool("big", [many > 250 ? "10.128.0.0/16" : "10.128.0.0/24"]);
  for (let i = 0; i < NAMESPACES; i++)
    cluster.api.put({ apiVersion: "v1", kind: "Namespace", metadata: { name: `team${i}` } });
  for (let i = 0; i < many; i++) cluster.putService(bigService(cluster, i));
}

function bigService(cluster: MadeUpCluster, index: number): MadeUpService {
  const { nodes } = cluster;
  const at = (offset: number): string => nodes[(index + offset) % nodes.length] ?? "";
  const on = nodes.length === 1 ? [at(0)] : nodes.length === 2 ? [at(0), at(1)] : [at(0), at(1), at(2)];
  const [namespace = "", name = ""] = keyOf(index).split("/");
  const well = index % 97 !== 0;
  const ip = addressAfter(FIRST_BIG, index);
  return { namespace, name, ip, pool: "big", bgp: well ? on : [], endpoints: well ? on : [] };
}

function tellingServices(three: readonly string[]): readonly MadeUpService[] {
  const [first = "", second = ""] = three;
  const in_ = (name: string, rest: Omit<MadeUpService, "namespace" | "name">): MadeUpService => ({
    namespace: "shop",
    name,
    ...rest,
  });
  return [
    in_("web", { ip: "192.0.2.10", pool: "main", bgp: three, endpoints: three }),
    in_("api", { ip: "192.0.2.11", pool: "main", bgp: three, endpoints: [first, second] }),
    in_("cart", { ip: "198.51.100.10", pool: "lan", bgp: [], layer2: first, endpoints: three }),
    in_("six", { ip: "2001:db8::10", pool: "six", bgp: three, endpoints: three }),
    in_("both", { ip: "198.51.100.11", pool: "lan", bgp: three, layer2: second, endpoints: three }),
    // No pod is ready.
    in_("orphan", { ip: "192.0.2.12", pool: "main", bgp: [], endpoints: [] }),
    // The pool that it asks for does not exist.
    in_("lost", { bgp: [], endpoints: three, annotations: { "metallb.io/address-pool": "nowhere" } }),
    // Its pool is full.
    in_("late", { bgp: [], endpoints: three, annotations: { "metallb.io/address-pool": "small" } }),
    in_("printer", { ip: "198.51.100.12", pool: "lan", bgp: [], layer2: first, endpoints: three }),
    // Nobody announces it.
    in_("quiet", { ip: "192.0.2.13", pool: "main", bgp: [], endpoints: three }),
    ...[0, 1, 2, 3].map(
      (i): MadeUpService => ({
        namespace: "kube-system",
        name: `ingress${i}`,
        ip: `203.0.113.${i}`,
        pool: "small",
        bgp: three,
        endpoints: three,
      }),
    ),
  ];
}
