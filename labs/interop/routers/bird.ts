import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../runner/command.ts";
import type { Look } from "../../runner/poll.ts";
import { isIpv6, ROUTER, ROUTERS_OWN } from "../addresses.ts";
import type { Transport } from "../protocol.ts";
import { numberOf, singleOf, wordsOf } from "../reading.ts";
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

/** BIRD 2. */
export const bird: RouterKind = {
  name: "bird",
  title: "BIRD",
  programs: ["bird", "birdc"],
  debian: "bird2",
  version: () => versionIn(["bird", "--version"]),
  lacks: { unnumbered: "BIRD 2.0 finds no neighbours by router advertisements" },
  cannot: {
    "bandwidth-weights": "BIRD 2 knows no link bandwidth: it shows the community and makes no weights of it",
  },
  make: (stage, setup) => new Bird(stage, setup),
};

class Bird implements Router {
  readonly #stage: Stage;
  readonly #setup: RouterSetup;
  readonly #socket: string;
  readonly #daemon: Daemon;

  constructor(stage: Stage, setup: RouterSetup) {
    this.#stage = stage;
    this.#setup = setup;
    this.#socket = join(stage.state, "bird.ctl");
    this.#daemon = new Daemon(stage, { program: () => this.#program(), answers: () => this.#answers() });
  }

  start(): Promise<void> {
    return this.#daemon.start();
  }

  async session(peer: string): Promise<RouterSession> {
    const text = await this.#ask(`show protocols all ${this.#nameOf(peer)}`);
    const state = field(text, "BGP state");
    return { up: state === "Established", state, why: `${field(text, "Last error")} ${field(text, "Message")}`.trim() };
  }

  async routes(family: Transport): Promise<readonly RouterRoute[]> {
    const routes = parseRoutes(await this.#ask(`show route all table master${family} where source = RTS_BGP`));
    // BIRD 2.0 does not mark stale routes: it says of the neighbour that it is waited for.
    const protocols = await this.#ask("show protocols all");
    const stale = protocols.includes("Neighbor graceful restart active");
    return routes.map((route) => ({ ...route, stale }));
  }

  async refresh(peer: string): Promise<void> {
    await this.#ask(`reload in ${this.#nameOf(peer)}`);
  }

  async updates(peer: string): Promise<number> {
    const text = await this.#ask(`show protocols all ${this.#nameOf(peer)}`);
    const counts = [...text.matchAll(/Import updates:\s+(\d+)/g)].map((m) => Number(m[1]));
    return counts.reduce((sum, n) => sum + n, 0);
  }

  async shutdown(peer: string, words: string): Promise<void> {
    await this.#ask(`disable ${this.#nameOf(peer)} "${words}"`);
  }

  async bfd(peer: string): Promise<string> {
    const line = (await this.#ask("show bfd sessions")).split("\n").find((one) => one.startsWith(`${peer} `));
    return wordsOf(line ?? "")[2]?.toLowerCase() ?? "none";
  }

  async rekey(_peer: string, password: string): Promise<void> {
    this.#configure({ ...this.#setup, password });
    await this.#ask("configure");
  }

  #program(): { name: string; argv: readonly string[] } {
    const config = this.#configure(this.#setup);
    return { name: "bird", argv: ["bird", "-f", "-c", config, "-s", this.#socket] };
  }

  #configure(setup: RouterSetup): string {
    return this.#stage.file("bird.conf", birdConfig(setup));
  }

  async #answers(): Promise<Look<true>> {
    if (!existsSync(this.#socket)) return { seen: "no socket" };
    const status = await this.#ask("show status");
    return status.includes("up and running") ? { value: true } : { seen: status };
  }

  #nameOf(peer: string): string {
    return `us${this.#setup.peers.indexOf(peer)}`;
  }

  async #ask(command: string): Promise<string> {
    return await run(["birdc", "-s", this.#socket, ...command.split(/ (?=(?:[^"]*"[^"]*")*[^"]*$)/)]);
  }
}

/** What stands behind `name:`, or nothing. */
function field(text: string, name: string): string {
  return new RegExp(`^[ \\t]*${name}:[ \\t]+(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
}

/** A path begins with its prefix, or blank when it is another one of the same prefix; its attributes follow, indented by a tab. */
function parseRoutes(text: string): readonly RouterRoute[] {
  const routes: RouterRoute[] = [];
  let prefix = "";
  for (const block of text.split(/\n(?=\S| {2,}unicast)/)) {
    const head = /^(\S*)\s+\w+ \[(\S+) /.exec(block);
    if (head === null) continue;
    if (head[1] !== "" && head[1] !== undefined) prefix = head[1];
    routes.push({
      prefix,
      peer: head[2] ?? "",
      nextHop: wordsOf(field(block, "BGP.next_hop"))[0] ?? "",
      origin: field(block, "BGP.origin").toLowerCase(),
      asPath: field(block, "BGP.as_path"),
      med: numberOf(field(block, "BGP.med")),
      localPref: numberOf(field(block, "BGP.local_pref")),
      communities: tuples(field(block, "BGP.community")),
      large: tuples(field(block, "BGP.large_community")),
      bandwidth: bandwidthOf(field(block, "BGP.ext_community")),
      stale: false,
    });
  }
  return routes;
}

/** `(1,2) (3,4)` in the notation of everybody else. */
function tuples(text: string): readonly string[] {
  return [...text.matchAll(/\(([^)]*)\)/g)].map((m) => (m[1] ?? "").replaceAll(/,\s*/g, ":"));
}

/** BIRD 2 does not know it: `(unknown 0x4, AS, bits)`, 0x4004 when it is not transitive. */
function bandwidthOf(text: string): number | undefined {
  const bits = /\(unknown 0x(?:400)?4, \d+, (\d+)\)/.exec(text)?.[1];
  return bits === undefined ? undefined : singleOf(Number(bits));
}

function birdConfig(setup: RouterSetup): string {
  const own = setup.families.map(
    (family) => `protocol static own${family} { ipv${family}; route ${ROUTERS_OWN[family]} blackhole; }`,
  );
  const lines = [
    "log stderr all;",
    `router id ${ROUTER[4]};`,
    "protocol device {}",
    ...(setup.bfd !== undefined ? ['protocol bfd { interface "*" { interval 300 ms; multiplier 3; }; }'] : []),
    ...(setup.announces === true ? own : []),
    ...setup.peers.map((peer, i) => neighbour(peer, i, setup)),
  ];
  return `${lines.join("\n")}\n`;
}

function neighbour(peer: string, index: number, setup: RouterSetup): string {
  const lines = [
    `local ${ROUTER[isIpv6(peer) ? 6 : 4]} as ${setup.asn};`,
    // Without four-octet numbers BIRD takes none in its configuration, yet reads the one of our OPEN.
    setup.twoOctet === true ? `neighbor ${peer} external;` : `neighbor ${peer} as ${setup.heraldAsn};`,
    `hold time ${setup.holdTime};`,
    "connect delay time 1; connect retry time 1; error wait time 1, 2; graceful restart on;",
  ];
  if (setup.passive) lines.push("passive;");
  if (setup.password !== undefined) lines.push(`password "${setup.password}";`);
  if (setup.gtsm === true) lines.push("ttl security on;");
  if (setup.bfd !== undefined) lines.push(`bfd ${setup.bfd === "graceful" ? "graceful" : "on"};`);
  // Unless told, BIRD takes neighbours of its own AS for distant ones.
  lines.push(setup.multihop === true ? "multihop 2;" : "direct;");
  if (setup.longLived === true) lines.push("long lived graceful restart on;");
  if (setup.noCapabilities === true) lines.push("capabilities off;");
  if (setup.twoOctet === true) lines.push("enable as4 off;");
  if (setup.role !== undefined) lines.push(`local role ${setup.role}; require roles;`);
  const limit = setup.maxPrefixes === undefined ? "" : `import limit ${setup.maxPrefixes} action disable;`;
  const out = setup.announces === true ? "export where source = RTS_STATIC;" : "export none;";
  lines.push(...setup.families.map((family) => `ipv${family} { import all; ${out} ${limit} };`));
  return `protocol bgp us${index} {\n  ${lines.join("\n  ")}\n}`;
}
