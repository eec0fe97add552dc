import { at, isObject, type JsonObject, listOf, objectOf, parseJson, textOf } from "../../runner/json.ts";
import type { Look } from "../../runner/poll.ts";
import { isIpv6, ROUTER, ROUTERS_OWN } from "../addresses.ts";
import type { Transport } from "../protocol.ts";
import { numberOf } from "../reading.ts";
import {
  type Router,
  type RouterKind,
  type RouterRoute,
  type RouterSession,
  type RouterSetup,
  versionIn,
} from "../router.ts";
import type { Stage } from "../stage.ts";
import { Daemon } from "./daemon.ts";

/** GoBGP. */
export const gobgp: RouterKind = {
  name: "gobgp",
  title: "GoBGP",
  programs: ["gobgpd", "gobgp"],
  debian: "gobgpd",
  version: () => versionIn(["gobgpd", "--version"]),
  lacks: {
    bfd: "no BFD in this version",
    unnumbered: "GoBGP without zebra does not find neighbours by router advertisements",
    roles: "GoBGP knows no roles",
  },
  cannot: {
    "bandwidth-weights": "GoBGP makes no weights of link bandwidth",
    "route-refresh": "GoBGP's soft reset works on its own adj-rib-in and never asks",
    "two-octet-as": "GoBGP always offers four-octet AS numbers",
    "no-capabilities": "GoBGP always offers capabilities",
  },
  make: (stage, setup) => new Gobgp(stage, setup),
};

const ESTABLISHED = 6;
const STATES = ["unknown", "idle", "connect", "active", "opensent", "openconfirm", "established"];
const ORIGINS = ["igp", "egp", "incomplete"];

class Gobgp implements Router {
  readonly #stage: Stage;
  readonly #setup: RouterSetup;
  readonly #daemon: Daemon;

  constructor(stage: Stage, setup: RouterSetup) {
    this.#stage = stage;
    this.#setup = setup;
    this.#daemon = new Daemon(stage, { program: () => this.#program(), answers: () => this.#answers() });
  }

  async start(): Promise<void> {
    await this.#daemon.start();
    if (this.#setup.announces === true) await this.#announce();
  }

  async session(peer: string): Promise<RouterSession> {
    const state = Number(at(await this.#neighbour(peer), "state", "session_state") ?? 0);
    return { up: state === ESTABLISHED, state: STATES[state] ?? "?", why: this.#why() };
  }

  async routes(family: Transport): Promise<readonly RouterRoute[]> {
    const table = objectOf(await this.#json("global", "rib", "-a", `ipv${family}`));
    return Object.entries(table).flatMap(([prefix, paths]) =>
      listOf(paths)
        .filter(isObject)
        .map((path) => routeOf(prefix, path))
        .filter(({ peer }) => this.#setup.peers.includes(peer)),
    );
  }

  async refresh(peer: string): Promise<void> {
    await this.#run("neighbor", peer, "softresetin");
  }

  async updates(peer: string): Promise<number> {
    return Number(at(await this.#neighbour(peer), "state", "messages", "received", "update") ?? 0);
  }

  async shutdown(peer: string, words: string): Promise<void> {
    await this.#run("neighbor", peer, "shutdown", "--reason", words);
  }

  async rekey(_peer: string, password: string): Promise<void> {
    this.#configure({ ...this.#setup, password });
    this.#daemon.signal("SIGHUP");
  }

  /** GoBGP says only in its log why a session went down. */
  #why(): string {
    return this.#daemon.said(/notification|Peer Down|hold timer/i).join("; ");
  }

  #program(): { name: string; argv: readonly string[] } {
    return { name: "gobgpd", argv: ["gobgpd", "-f", this.#configure(this.#setup), "--log-plain"] };
  }

  #configure(setup: RouterSetup): string {
    return this.#stage.file("gobgpd.toml", gobgpConfig(setup));
  }

  async #answers(): Promise<Look<true>> {
    const neighbours = listOf(await this.#json("neighbor"));
    return neighbours.length === this.#setup.peers.length ? { value: true } : { seen: `${neighbours.length}` };
  }

  async #announce(): Promise<void> {
    for (const family of this.#setup.families) {
      const hop = ["nexthop", ROUTER[family]];
      await this.#run("global", "rib", "add", ROUTERS_OWN[family], ...hop, "-a", `ipv${family}`);
    }
  }

  async #neighbour(peer: string): Promise<JsonObject> {
    return objectOf(await this.#json("neighbor", peer));
  }

  async #json(...words: readonly string[]): Promise<unknown> {
    return parseJson(await this.#run(...words, "-j"));
  }

  async #run(...words: readonly string[]): Promise<string> {
    return await this.#stage.exec("router", ["gobgp", ...words]);
  }
}

function routeOf(prefix: string, path: JsonObject): RouterRoute {
  const attributes = listOf(path["attrs"]).filter(isObject);
  const of = (type: number): JsonObject => attributes.find((one) => one["type"] === type) ?? {};
  const segments = listOf(of(2)["as_paths"]);
  const hop = of(3)["nexthop"] ?? of(14)["nexthop"];
  return {
    prefix,
    peer: textOf(path["neighbor-ip"]),
    nextHop: textOf(hop),
    origin: ORIGINS[Number(of(1)["value"])] ?? "",
    asPath: segments.flatMap((segment) => listOf(at(segment, "asns"))).join(" "),
    med: numberOf(of(4)["metric"]),
    localPref: numberOf(of(5)["value"]),
    communities: listOf(of(8)["communities"]).map((n) => `${Number(n) >>> 16}:${Number(n) & 0xffff}`),
    large: listOf(of(32)["value"]).map((one) =>
      ["ASN", "LocalData1", "LocalData2"].map((key) => at(one, key)).join(":"),
    ),
    bandwidth: listOf(of(16)["value"]).flatMap((one) => numberOf(at(one, "bandwidth")) ?? [])[0],
    stale: path["stale"] === true,
  };
}

function gobgpConfig(setup: RouterSetup): string {
  const lines = [
    "[global.config]",
    `as = ${setup.asn}`,
    `router-id = "${ROUTER[4]}"`,
    `local-address-list = ["${ROUTER[4]}", "${ROUTER[6]}"]`,
    ...setup.peers.flatMap((peer) => neighbour(peer, setup)),
  ];
  return `${lines.join("\n")}\n`;
}

function neighbour(peer: string, setup: RouterSetup): readonly string[] {
  const lines = [
    "[[neighbors]]",
    "[neighbors.config]",
    `neighbor-address = "${peer}"`,
    `peer-as = ${setup.heraldAsn}`,
    ...(setup.password === undefined ? [] : [`auth-password = "${setup.password}"`]),
    "[neighbors.transport.config]",
    `passive-mode = ${setup.passive}`,
    `local-address = "${ROUTER[isIpv6(peer) ? 6 : 4]}"`,
    "[neighbors.timers.config]",
    `hold-time = ${setup.holdTime}`,
    `keepalive-interval = ${Math.max(1, Math.floor(setup.holdTime / 3))}`,
    "connect-retry = 1",
    "idle-hold-time-after-reset = 1",
    "[neighbors.graceful-restart.config]",
    "enabled = true",
    "restart-time = 60",
    ...(setup.longLived === true ? ["long-lived-enabled = true"] : []),
  ];
  if (setup.gtsm === true) lines.push("[neighbors.ttl-security.config]", "enabled = true", "ttl-min = 255");
  return [...lines, ...setup.families.flatMap((family) => addressFamily(family, setup))];
}

function addressFamily(family: Transport, { maxPrefixes, longLived }: RouterSetup): readonly string[] {
  const lines = [
    "[[neighbors.afi-safis]]",
    "[neighbors.afi-safis.config]",
    `afi-safi-name = "ipv${family}-unicast"`,
    "[neighbors.afi-safis.mp-graceful-restart.config]",
    "enabled = true",
  ];
  if (longLived === true)
    lines.push("[neighbors.afi-safis.long-lived-graceful-restart.config]", "enabled = true", "restart-time = 60");
  if (maxPrefixes !== undefined)
    lines.push("[neighbors.afi-safis.prefix-limit.config]", `max-prefixes = ${maxPrefixes}`);
  return lines;
}
