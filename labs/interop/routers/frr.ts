import { join } from "node:path";
import { run } from "../../runner/command.ts";
import { FrrRouter } from "../../runner/frr.ts";
import { at, isObject, type JsonObject, listOf, objectOf, textOf } from "../../runner/json.ts";
import { PORT, ROUTER, ROUTERS_OWN } from "../addresses.ts";
import type { Transport } from "../protocol.ts";
import { communityOf, numberOf, wordsOf } from "../reading.ts";
import {
  type Router,
  type RouterKind,
  type RouterRoute,
  type RouterSession,
  type RouterSetup,
  versionIn,
} from "../router.ts";
import type { Stage } from "../stage.ts";

/** FRR: bgpd with zebra, and bfdd when it is wanted. */
export const frr: RouterKind = {
  name: "frr",
  title: "FRR",
  programs: ["vtysh"],
  debian: "frr",
  version: () => versionIn(["/usr/lib/frr/bgpd", "--version"]),
  lacks: {},
  cannot: {},
  make: (stage, setup) => new Frr(stage, setup),
};

/** Up to so many routes are asked for one by one. */
const FEW = 8;

class Frr implements Router {
  readonly #stage: Stage;
  readonly #setup: RouterSetup;
  #starts = 0;
  #vty: FrrRouter | undefined;

  constructor(stage: Stage, setup: RouterSetup) {
    this.#stage = stage;
    this.#setup = setup;
  }

  async start(): Promise<void> {
    const vty = new FrrRouter({
      node: "router",
      namespace: this.#stage.namespaceOf("router"),
      folder: join(this.#stage.state, `frr${this.#starts++}`),
      config: this.#stage.file("frr.conf", frrConfig(this.#setup)),
      daemons: `bgpd=yes\nbfdd=${this.#setup.bfd !== undefined ? "yes" : "no"}\n`,
    });
    await vty.start(this.#stage.processes, this.#stage.signal);
    this.#vty = vty;
    await this.#stage.listening("router");
    // For a second after its start it refuses who it does not wait for yet, and a refused peer takes its time.
    await this.#stage.until("FRR expects its peers", async () => {
      const early = await Promise.all(
        this.#setup.peers.map(async (peer) => (await this.session(peer)).state === "Idle"),
      );
      return early.includes(true) ? { seen: "Idle" } : { value: true };
    });
  }

  async session(peer: string): Promise<RouterSession> {
    const neighbour = await this.#neighbour(peer);
    const state = textOf(neighbour["bgpState"]);
    const why = ["lastResetDueTo", "lastNotificationReason", "lastShutdownDescription", "lastErrorCodeSubcode"];
    return { up: state === "Established", state, why: why.map((key) => textOf(neighbour[key])).join("; ") };
  }

  async routes(family: Transport): Promise<readonly RouterRoute[]> {
    const table = objectOf(at(await this.#json(`show bgp ipv${family} unicast json`), "routes"));
    const prefixes = Object.keys(table);
    // Only what is asked for one prefix says everything.
    const detailed =
      prefixes.length > FEW ? [] : await Promise.all(prefixes.map((prefix) => this.#details(family, prefix)));
    return Object.entries(table).flatMap(([prefix, paths], i) => {
      const entries = listOf(detailed[i] ?? paths).filter(isObject);
      return entries.map((path) => routeOf(prefix, path));
    });
  }

  async #details(family: Transport, prefix: string): Promise<unknown> {
    return at(await this.#json(`show bgp ipv${family} unicast ${prefix} json`), "paths");
  }

  async refresh(peer: string): Promise<void> {
    await this.#text(`clear bgp ${peer} in`);
  }

  async updates(peer: string): Promise<number> {
    return numberOf(at(await this.#neighbour(peer), "messageStats", "updatesRecv")) ?? 0;
  }

  async shutdown(peer: string, words: string): Promise<void> {
    await this.#configure(`neighbor ${peer} shutdown message ${words}`);
  }

  async rekey(peer: string, password: string): Promise<void> {
    await this.#configure(`neighbor ${peer} password ${password}`);
  }

  async bfd(peer: string): Promise<string> {
    const peers = listOf(await this.#json("show bfd peers json")).filter(isObject);
    return textOf(peers.find((one) => one["peer"] === peer)?.["status"]);
  }

  async #configure(line: string): Promise<void> {
    const lines = ["configure", `router bgp ${this.#setup.asn}`, line];
    await run(["vtysh", ...this.#options(), ...lines.flatMap((one) => ["-c", one])]);
  }

  async #neighbour(peer: string): Promise<JsonObject> {
    return objectOf(at(await this.#json(`show bgp neighbors ${peer} json`), peer));
  }

  async #json(command: string): Promise<unknown> {
    return JSON.parse(await this.#text(command));
  }

  async #text(command: string): Promise<string> {
    return (await this.#vty?.text(command)) ?? "";
  }

  #options(): readonly string[] {
    return (this.#vty?.shellCommand ?? "").split(" ").slice(1);
  }
}

function routeOf(prefix: string, path: JsonObject): RouterRoute {
  const [hop] = listOf(path["nexthops"]);
  const communities = textOf(at(path["community"], "string"));
  const large = textOf(at(path["largeCommunity"], "string"));
  const bandwidth = /LB:\d+:(\d+)/.exec(textOf(at(path["extendedCommunity"], "string")))?.[1];
  return {
    prefix,
    peer: textOf(at(path["peer"], "peerId")),
    nextHop: textOf(at(hop, "ip")),
    origin: textOf(path["origin"]).toLowerCase(),
    asPath: textOf(at(path["aspath"], "string")).replace("Local", ""),
    med: numberOf(path["metric"]),
    localPref: numberOf(path["locPrf"]),
    communities: wordsOf(communities).map(communityOf),
    large: wordsOf(large),
    bandwidth: bandwidth === undefined ? undefined : Number(bandwidth),
    stale: path["stale"] === true,
  };
}

function frrConfig(setup: RouterSetup): string {
  const peers = setup.peers.length > 0 ? setup.peers : [PORT];
  const lines = [
    "frr defaults traditional",
    "hostname router",
    "log timestamp precision 3",
    "bfd",
    " profile usual",
    "  transmit-interval 300",
    "  receive-interval 300",
    "  detect-multiplier 3",
    " exit",
    "exit",
    `router bgp ${setup.asn}`,
    ` bgp router-id ${ROUTER[4]}`,
    " no bgp default ipv4-unicast",
    " no bgp ebgp-requires-policy",
    " no bgp network import-check",
    " bgp bestpath as-path multipath-relax",
    " bgp graceful-restart stalepath-time 60",
    ...(setup.longLived === true ? [" bgp long-lived-graceful-restart stale-time 60"] : []),
    ...peers.flatMap((peer) => neighbour(peer, setup)),
    ...setup.families.flatMap((family) => addressFamily(family, peers, setup)),
    "exit",
  ];
  return `${lines.join("\n")}\n`;
}

function neighbour(peer: string, setup: RouterSetup): readonly string[] {
  const onLink = peer === PORT;
  const lines = [
    onLink ? `neighbor ${peer} interface remote-as external` : `neighbor ${peer} remote-as ${setup.heraldAsn}`,
    `neighbor ${peer} timers ${Math.max(1, Math.floor(setup.holdTime / 3))} ${setup.holdTime}`,
    `neighbor ${peer} timers connect 1`,
  ];
  if (setup.passive && !onLink) lines.push(`neighbor ${peer} passive`);
  if (setup.password !== undefined) lines.push(`neighbor ${peer} password ${setup.password}`);
  if (setup.gtsm === true) lines.push(`neighbor ${peer} ttl-security hops 1`);
  if (setup.bfd !== undefined) lines.push(`neighbor ${peer} bfd`, `neighbor ${peer} bfd profile usual`);
  if (setup.multihop === true) lines.push(`neighbor ${peer} ebgp-multihop 2`);
  if (setup.twoOctet === true || setup.noCapabilities === true)
    lines.push(`neighbor ${peer} dont-capability-negotiate`);
  if (setup.role !== undefined) lines.push(`neighbor ${peer} local-role ${setup.role} strict-mode`);
  return lines.map((line) => ` ${line}`);
}

function addressFamily(family: Transport, peers: readonly string[], setup: RouterSetup): readonly string[] {
  const lines = peers.flatMap((peer) => [
    `  neighbor ${peer} activate`,
    ...(setup.maxPrefixes === undefined ? [] : [`  neighbor ${peer} maximum-prefix ${setup.maxPrefixes}`]),
  ]);
  if (setup.announces === true) lines.push(`  network ${ROUTERS_OWN[family]}`);
  return [` address-family ipv${family} unicast`, ...lines, "  maximum-paths 8", " exit-address-family"];
}
