import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { at, listOf, objectOf, parseJson, textOf } from "../../runner/json.ts";
import type { Look } from "../../runner/poll.ts";
import { isIpv6, ROUTER, ROUTERS_OWN } from "../addresses.ts";
import type { Transport } from "../protocol.ts";
import { numberOf, singleOf } from "../reading.ts";
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

/** What two-octet AS numbers have for a larger one. */
const AS_TRANS = 23456;
/** Type and subtype (RFC 10005), transitive. */
const LINK_BANDWIDTH = 0x0004;
const NO_REASON = "ExaBGP 4.2 cannot read a NOTIFICATION: it answers with one of its own";
const NO_RIB = "ExaBGP keeps no routes of its peers";

/** ExaBGP as a collector: what its API process is told is its view. */
export const exabgp: RouterKind = {
  name: "exabgp",
  title: "ExaBGP",
  programs: ["exabgp"],
  debian: "exabgp",
  version: () => versionIn(["exabgp", "--version"]),
  lacks: {
    bfd: "no BFD",
    unnumbered: "ExaBGP does not find neighbours by router advertisements",
    roles: "ExaBGP knows no roles",
    "graceful restart": NO_RIB,
    "long-lived graceful restart": NO_RIB,
  },
  cannot: {
    "bandwidth-weights": "ExaBGP has no kernel routes",
    "our-shutdown": NO_REASON,
    "our-prefix-limit": NO_REASON,
    "prefix-limit": "ExaBGP has no prefix limit",
    "no-capabilities": "ExaBGP always offers capabilities",
    "gtsm-missing": "ExaBGP does not look at the TTL of connections it accepts",
  },
  shutdownWords: false,
  gtsmDials: true,
  make: (stage, setup) => new Exabgp(stage, setup),
};

class Exabgp implements Router {
  readonly #stage: Stage;
  readonly #setup: RouterSetup;
  readonly #events: string;
  readonly #commands: string;
  readonly #daemon: Daemon;

  constructor(stage: Stage, setup: RouterSetup) {
    this.#stage = stage;
    this.#setup = setup;
    this.#events = join(stage.state, "events.jsonl");
    this.#commands = stage.file("commands", "");
    const answers = async (): Promise<Look<true>> => ({ value: true });
    this.#daemon = new Daemon(stage, { program: () => this.#program(), answers });
  }

  start(): Promise<void> {
    return this.#daemon.start();
  }

  async session(peer: string): Promise<RouterSession> {
    const events = this.#eventsOf(peer);
    const states = events.filter(({ type }) => type === "state");
    const state = textOf(states.at(-1)?.neighbor["state"]) || "idle";
    const why = events.flatMap(({ neighbor, type }) => {
      if (type === "notification") return [JSON.stringify(neighbor["notification"] ?? neighbor["message"])];
      return type === "state" ? [textOf(neighbor["reason"])] : [];
    });
    return { up: state === "up", state, why: [...why, ...this.#daemon.said(/notification|hold|shutdown/i)].join("; ") };
  }

  async routes(family: Transport): Promise<readonly RouterRoute[]> {
    return this.#setup.peers
      .flatMap((peer) => [...ribOf(this.#eventsOf(peer), peer).values()])
      .filter(({ prefix }) => isIpv6(prefix) === (family === 6));
  }

  async refresh(peer: string): Promise<void> {
    for (const family of this.#setup.families)
      this.#command(`neighbor ${peer} announce route-refresh ipv${family} unicast`);
  }

  async updates(peer: string): Promise<number> {
    return this.#eventsOf(peer).filter(({ type }) => type === "update").length;
  }

  async shutdown(peer: string): Promise<void> {
    this.#command(`neighbor ${peer} teardown 2`);
  }

  async rekey(_peer: string, password: string): Promise<void> {
    this.#configure({ ...this.#setup, password });
    this.#daemon.signal("SIGUSR1");
  }

  #program(): Parameters<Stage["start"]>[1] {
    return { name: "exabgp", argv: ["exabgp", this.#configure(this.#setup)], env: ENVIRONMENT };
  }

  #configure(setup: RouterSetup): string {
    const api = this.#stage.file("api.sh", `tail -n 0 -f ${this.#commands} &\ncat >>${this.#events}\n`);
    return this.#stage.file("exabgp.conf", exabgpConfig(setup, api));
  }

  #command(line: string): void {
    appendFileSync(this.#commands, `${line}\n`);
  }

  #eventsOf(peer: string): readonly Event[] {
    const text = existsSync(this.#events) ? readFileSync(this.#events, "utf8") : "";
    return (
      text
        .slice(0, text.lastIndexOf("\n") + 1)
        .split("\n")
        .filter((line) => line !== "")
        // What a NOTIFICATION carries stands there as it came.
        .map((line) => parseJson(line.replaceAll(/\p{Cc}/gu, " ")))
        .map((event) => ({ type: textOf(at(event, "type")), neighbor: objectOf(at(event, "neighbor")) }))
        .filter(({ neighbor }) => at(neighbor, "address", "peer") === peer)
    );
  }
}

const ENVIRONMENT = {
  "exabgp.tcp.bind": `${ROUTER[4]} ${ROUTER[6]}`,
  "exabgp.tcp.port": "179",
  "exabgp.daemon.user": "root",
  "exabgp.api.cli": "false",
  "exabgp.api.ack": "false",
  "exabgp.log.destination": "stderr",
  "exabgp.log.level": "INFO",
  "exabgp.log.network": "true",
};

interface Event {
  readonly type: string;
  readonly neighbor: Readonly<Record<string, unknown>>;
}

/** What the events leave behind: a session that goes down takes its routes with it. */
function ribOf(events: readonly Event[], peer: string): ReadonlyMap<string, RouterRoute> {
  const rib = new Map<string, RouterRoute>();
  for (const { type, neighbor } of events) {
    if (type === "state" && neighbor["state"] === "down") rib.clear();
    const update = at(neighbor, "message", "update");
    for (const list of Object.values(objectOf(at(update, "withdraw")))) {
      for (const prefix of prefixesOf(list)) rib.delete(prefix);
    }
    for (const route of announcedBy(update, peer)) rib.set(route.prefix, route);
  }
  return rib;
}

function announcedBy(update: unknown, peer: string): readonly RouterRoute[] {
  const attributes = attributesOf(at(update, "attribute"));
  const byHop = Object.values(objectOf(at(update, "announce"))).flatMap((hops) => Object.entries(objectOf(hops)));
  return byHop.flatMap(([nextHop, list]) =>
    prefixesOf(list).map((prefix) => ({ prefix, peer, nextHop, ...attributes })),
  );
}

/** End-of-RIB has an entry without a prefix. */
function prefixesOf(list: unknown): readonly string[] {
  return listOf(list)
    .map((one) => textOf(at(one, "nlri")))
    .filter((prefix) => prefix !== "");
}

function attributesOf(attribute: unknown): Omit<RouterRoute, "prefix" | "peer" | "nextHop"> {
  const lists = (key: string): readonly string[] => listOf(at(attribute, key)).map((one) => listOf(one).join(":"));
  return {
    origin: textOf(at(attribute, "origin")),
    asPath: listOf(at(attribute, "as-path")).join(" "),
    med: numberOf(at(attribute, "med")),
    localPref: numberOf(at(attribute, "local-preference")),
    communities: lists("community"),
    large: lists("large-community"),
    bandwidth: listOf(at(attribute, "extended-community")).flatMap((one) => bandwidthOf(at(one, "value")) ?? [])[0],
    stale: false,
  };
}

/** The eight octets as one number; the transitive form is small enough to be exact. */
function bandwidthOf(value: unknown): number | undefined {
  if (typeof value !== "number" || Math.floor(value / 2 ** 48) !== LINK_BANDWIDTH) return undefined;
  return singleOf(value % 2 ** 32);
}

function exabgpConfig(setup: RouterSetup, api: string): string {
  const lines = ["process api {", `    run /bin/sh ${api};`, "    encoder json;", "}"];
  return `${[...lines, ...setup.peers.map((peer) => neighbour(peer, setup))].join("\n")}\n`;
}

function neighbour(peer: string, setup: RouterSetup): string {
  const lines = [
    `router-id ${ROUTER[4]};`,
    `local-address ${ROUTER[isIpv6(peer) ? 6 : 4]};`,
    `local-as ${setup.asn};`,
    `peer-as ${setup.twoOctet === true ? AS_TRANS : setup.heraldAsn};`,
    `hold-time ${setup.holdTime};`,
  ];
  if (setup.passive) lines.push("passive;");
  else lines.push("listen 179;");
  if (setup.password !== undefined) lines.push(`md5-password ${setup.password};`);
  if (setup.gtsm === true) lines.push("outgoing-ttl 255;", "incoming-ttl 255;");
  const asn4 = setup.twoOctet === true ? "asn4 disable;" : "";
  lines.push(`capability { route-refresh; ${asn4} }`);
  lines.push(`family { ${setup.families.map((family) => `ipv${family} unicast;`).join(" ")} }`);
  lines.push("api { processes [ api ]; receive { parsed; update; } neighbor-changes; }");
  if (setup.announces === true) {
    const own = setup.families.map((family) => `route ${ROUTERS_OWN[family]} next-hop ${ROUTER[family]};`);
    lines.push(`static { ${own.join(" ")} }`);
  }
  return `neighbor ${peer} {\n  ${lines.join("\n  ")}\n}`;
}
