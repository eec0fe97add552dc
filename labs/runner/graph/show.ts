import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RunNote, runningLabs } from "../catalogue.ts";
import type { Topology } from "../clab.ts";
import { allDone, attempt, run } from "../command.ts";
import { at, listOf, objectOf, parseJson, textOf } from "../json.ts";
import { namespaceOf } from "../names.ts";
import { parseAddresses } from "../routes.ts";
import { FOLDERS, loadTopology } from "../run-lab.ts";
import type { LiveState, Session } from "./state.ts";
import { drawSvg } from "./svg.ts";
import { drawText } from "./terminal.ts";

/** Draws a lab on the terminal and into an SVG file, with the states of a run when one is up. */
export async function showGraph(name: string): Promise<number> {
  const topology = loadTopology(name);
  const note = runningLabs(FOLDERS.runs).find(({ lab }) => lab === name);
  const state = note === undefined ? undefined : await look(topology, note);
  const file = join(FOLDERS.graphs, `${name}.svg`);
  mkdirSync(FOLDERS.graphs, { recursive: true });
  writeFileSync(file, drawSvg(topology, state));
  process.stdout.write(drawText(topology, state));
  const what = note === undefined ? `${name} is not up: this is its plan` : `${name} as it is in run ${note.run}`;
  process.stderr.write(`${what}\n${file}\n`);
  return 0;
}

async function look(topology: Topology, note: RunNote): Promise<LiveState> {
  const nodes = await allDone(topology.nodes.map(({ name }) => lookAt(name, namespaceOf(note.run, name))));
  const owners = new Map(nodes.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const)));
  const routers = topology.nodes.filter(({ role, name }) => role === "frr" && existsSync(join(note.state, name)));
  const sessions = await allDone(routers.map(({ name }) => sessionsOf(name, note, owners)));
  return {
    up: new Set(nodes.flatMap(({ up }) => up)),
    programs: new Map(nodes.map(({ name, programs }) => [name, programs])),
    sessions: sessions.flat(),
  };
}

interface SeenNode {
  readonly name: string;
  readonly up: readonly string[];
  readonly addresses: readonly string[];
  readonly programs: readonly string[];
}

async function lookAt(name: string, namespace: string): Promise<SeenNode> {
  const links = await run(["ip", "-n", namespace, "-j", "addr", "show"]);
  const pids = await run(["ip", "netns", "pids", namespace]);
  return {
    name,
    up: carriers(links).map((port) => `${name}:${port}`),
    addresses: parseAddresses(links)
      .filter(({ scope }) => scope !== "host")
      .map(({ address }) => address),
    programs: [...new Set(pids.split("\n").flatMap(programOf))].toSorted(),
  };
}

/** The interfaces with a carrier in what `ip -j addr show` printed. */
export function carriers(text: string): readonly string[] {
  return listOf(parseJson(text))
    .filter((link) => textOf(at(link, "operstate")) === "UP")
    .map((link) => textOf(at(link, "ifname")));
}

/** What a process is called here: a daemon by its name, one of ours by the word that says its role. */
function programOf(pid: string): readonly string[] {
  const file = `/proc/${pid}/cmdline`;
  if (pid === "" || !existsSync(file)) return [];
  return programIn(readFileSync(file, "utf8").split("\0"));
}

const OWN = ["speaker", "controller", "apiserver", "standalone"];

/** The program that a command line runs; nothing for what only the runner itself needs. */
export function programIn(words: readonly string[]): readonly string[] {
  const own = words.find((word) => OWN.includes(word));
  if (own !== undefined) return [own];
  const script = words.find((word) => /(pod|web)-server\.mjs$/.test(word));
  if (script !== undefined) return ["pod"];
  return words.flatMap((word, i) => (i === 0 && /\/frr\/[a-z0-9]+$/.test(word) ? [word.split("/").at(-1) ?? ""] : []));
}

async function sessionsOf(
  router: string,
  { state }: RunNote,
  owners: ReadonlyMap<string, string>,
): Promise<readonly Session[]> {
  const folder = join(state, router);
  const { code, stdout } = await attempt([
    "vtysh",
    "--vty_socket",
    folder,
    "--config_dir",
    folder,
    "-c",
    "show bgp summary json",
  ]);
  return code === 0 ? parseSessions(router, stdout, owners) : [];
}

/** The sessions in what `show bgp summary json` printed: one for each neighbour, whatever it carries. */
export function parseSessions(router: string, text: string, owners: ReadonlyMap<string, string>): readonly Session[] {
  const summary = parseJson(text);
  const peers = ["ipv4Unicast", "ipv6Unicast"].flatMap((family) =>
    Object.entries(objectOf(at(summary, family, "peers"))),
  );
  return [...new Map(peers)].map(([address, peer]) => ({
    router,
    neighbour: owners.get(address) ?? address,
    state: textOf(at(peer, "state")),
  }));
}
