import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../runner/command.ts";
import { at, isObject, type JsonObject, listOf, parseJson, textOf } from "../../runner/json.ts";
import type { Look } from "../../runner/poll.ts";
import { ROUTER, ROUTERS_OWN } from "../addresses.ts";
import type { Transport } from "../protocol.ts";
import { communityOf, numberOf, singleOf, wordsOf } from "../reading.ts";
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

const CHROOT = "/run/openbgpd";

/** OpenBGPD, its portable edition. */
export const openbgpd: RouterKind = {
  name: "openbgpd",
  title: "OpenBGPD",
  programs: ["bgpd", "bgpctl"],
  debian: "openbgpd",
  version: () => versionIn(["bgpd", "-V"]),
  lacks: {
    bfd: "no BFD",
    unnumbered: "OpenBGPD does not find neighbours by router advertisements",
    "long-lived graceful restart": "OpenBGPD has no long-lived graceful restart",
  },
  cannot: {
    "bandwidth-weights": "OpenBGPD has no kernel routes on Linux",
  },
  make: (stage, setup) => new Openbgpd(stage, setup),
};

class Openbgpd implements Router {
  readonly #stage: Stage;
  readonly #setup: RouterSetup;
  readonly #socket: string;
  readonly #daemon: Daemon;

  constructor(stage: Stage, setup: RouterSetup) {
    this.#stage = stage;
    this.#setup = setup;
    this.#socket = join(stage.state, "bgpd.ctl");
    this.#daemon = new Daemon(stage, { program: () => this.#program(), answers: () => this.#answers() });
  }

  start(): Promise<void> {
    return this.#daemon.start();
  }

  async session(peer: string): Promise<RouterSession> {
    const neighbour = await this.#neighbour(peer);
    const state = textOf(neighbour["state"]);
    const why = ["last_error_received", "last_error_sent", "last_shutdown_reason", "last_shutdown"];
    const words = Object.entries(neighbour)
      .filter(([key]) => why.some((one) => key.startsWith(one)) || key.startsWith("last_"))
      .map(([, value]) => (typeof value === "string" ? value : JSON.stringify(value)));
    return {
      up: state === "Established",
      state,
      why: [...words, ...this.#daemon.said(/notification|hold|state change/i)].join("; "),
    };
  }

  async routes(family: Transport): Promise<readonly RouterRoute[]> {
    const rib = await this.#json("show", "rib", family === 4 ? "inet" : "inet6", "detail");
    return listOf(at(rib, "rib"))
      .filter(isObject)
      .filter((route) => route["source"] !== "announced" && at(route, "neighbor") !== undefined)
      .map(routeOf)
      .filter(({ peer }) => this.#setup.peers.includes(peer));
  }

  async refresh(peer: string): Promise<void> {
    await this.#bgpctl("neighbor", peer, "refresh");
  }

  async updates(peer: string): Promise<number> {
    const stats = at(await this.#neighbour(peer), "stats", "message", "received");
    return numberOf(at(stats, "updates")) ?? 0;
  }

  async shutdown(peer: string, words: string): Promise<void> {
    await this.#bgpctl("neighbor", peer, "down", words);
  }

  /** After a session is lost it refuses a new one for half a minute and more. */
  async revive(peer: string): Promise<void> {
    await this.#bgpctl("neighbor", peer, "up");
  }

  async rekey(_peer: string, password: string): Promise<void> {
    this.#configure({ ...this.#setup, password });
    await this.#bgpctl("reload");
  }

  #program(): { name: string; argv: readonly string[] } {
    // The home of its user, which it shuts itself up in. Debian's service makes it.
    mkdirSync(CHROOT, { recursive: true });
    return { name: "bgpd", argv: ["bgpd", "-d", "-f", this.#configure(this.#setup)] };
  }

  #configure(setup: RouterSetup): string {
    return this.#stage.file("bgpd.conf", bgpdConfig(setup, this.#socket), 0o600);
  }

  async #answers(): Promise<Look<true>> {
    if (!existsSync(this.#socket)) return { seen: "no socket" };
    const neighbours = await this.#neighbours();
    return neighbours.length === this.#setup.peers.length ? { value: true } : { seen: `${neighbours.length}` };
  }

  async #neighbour(peer: string): Promise<JsonObject> {
    return (await this.#neighbours()).find((one) => one["remote_addr"] === peer) ?? {};
  }

  async #neighbours(): Promise<readonly JsonObject[]> {
    return listOf(at(await this.#json("show", "neighbor"), "neighbors")).filter(isObject);
  }

  async #json(...words: readonly string[]): Promise<unknown> {
    return parseJson(await this.#bgpctl("-j", ...words));
  }

  async #bgpctl(...words: readonly string[]): Promise<string> {
    return await run(["bgpctl", "-s", this.#socket, ...words]);
  }
}

function routeOf(route: JsonObject): RouterRoute {
  const extended = listOf(route["extended_communities"]).map(textOf).join(" ");
  const bits = /\[4\] \d+:(\d+)/.exec(extended)?.[1];
  return {
    prefix: textOf(route["prefix"]),
    peer: textOf(at(route["neighbor"], "remote_addr")),
    nextHop: textOf(route["exit_nexthop"]),
    origin: textOf(route["origin"]).toLowerCase(),
    asPath: wordsOf(textOf(route["aspath"])).join(" "),
    med: numberOf(route["metric"]),
    localPref: numberOf(route["localpref"]),
    communities: listOf(route["communities"]).map((one) => communityOf(textOf(one))),
    large: listOf(route["large_communities"]).map(textOf),
    bandwidth: bits === undefined ? undefined : singleOf(Number(bits)),
    stale: route["stale"] === true,
  };
}

function bgpdConfig(setup: RouterSetup, socket: string): string {
  const lines = [
    `AS ${setup.asn}`,
    `router-id ${ROUTER[4]}`,
    "fib-update no",
    `socket "${socket}"`,
    `listen on ${ROUTER[4]}`,
    `listen on ${ROUTER[6]}`,
    ...(setup.announces === true ? setup.families.map((family) => `network ${ROUTERS_OWN[family]}`) : []),
    ...setup.peers.map((peer) => neighbour(peer, setup)),
    "allow from any",
    setup.announces === true ? "allow to any" : "deny to any",
  ];
  return `${lines.join("\n")}\n`;
}

function neighbour(peer: string, setup: RouterSetup): string {
  const announce = (family: Transport): string =>
    `announce IPv${family} ${setup.families.includes(family) ? "unicast" : "none"}`;
  // No local-address: with one, 7.7 does not ask for signatures on connections it accepts.
  const lines = [
    `remote-as ${setup.heraldAsn}`,
    announce(4),
    announce(6),
    "announce restart yes",
    "announce refresh yes",
    "announce enhanced refresh yes",
    `holdtime ${setup.holdTime}`,
  ];
  if (setup.passive) lines.push("passive");
  if (setup.password !== undefined) lines.push(`tcp md5sig password "${setup.password}"`);
  if (setup.gtsm === true) lines.push("ttl-security yes");
  if (setup.twoOctet === true) lines.push("announce as-4byte no");
  if (setup.noCapabilities === true) lines.push("announce capabilities no");
  if (setup.role !== undefined) lines.push(`announce policy ${setup.role} enforce`);
  if (setup.maxPrefixes !== undefined) lines.push(`max-prefix ${setup.maxPrefixes}`);
  return `neighbor ${peer} {\n  ${lines.join("\n  ")}\n}`;
}
