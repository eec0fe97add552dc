import { existsSync, readFileSync, rmSync } from "node:fs";
import { copyFile, cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabCheckError } from "../runner/errors.ts";
import { portsDown, portsUp } from "../runner/faults.ts";
import { at, listOf, parseJson, textOf } from "../runner/json.ts";
import type { Lab } from "../runner/lab.ts";
import { type Load, loadText, type RunningLoad, startLoad } from "../runner/load.ts";
import type { LabProcess } from "../runner/processes.ts";
import { routedVia, sessionsUp } from "../runner/router-view.ts";
import { type AddressedService, vipOf } from "../runner/service-address.ts";

const ROUTER = "r1";
const HOSTS = ["h1", "h2", "h3"] as const;
type HostName = (typeof HOSTS)[number];

/** What manifests/20-web.yaml asks for, and every host has on its lo. */
const WEB: AddressedService = { name: "web", vips: ["203.0.113.10", "2001:db8:99::10"].map(vipOf) };
/** Its check: 500 ms, twice; and a second for everything else. */
const NOTICED_WITHIN = 2 * 500 + 1000;
/** The hold time, and a busy machine. */
const DEAD_WITHIN = 9000 + 6000;
const PER_SECOND = 50;
/** Seconds after which a load ends that nobody stopped. */
const LONGEST = 120;

/** What the lab promises: a host is in the anycast group exactly as long as its service is well. */
export async function check(lab: Lab): Promise<void> {
  const hosts = await startHosts(lab);
  // Nothing is measured yet: three programs start at once, and the machine may be busy.
  await lab.step("sessions of h1, h2, h3 Established, IPv4 and IPv6", () => sessionsUp(lab, ROUTER, HOSTS, 60_000));
  await lab.step("r1's kernel has three next hops for web", () => via(lab, HOSTS));
  await checkHealth(lab);
  await checkBrokenFile(lab, hosts.h2);
  await checkRestart(lab, hosts.h3);
  await checkDeath(lab);
}

/** The service, and Herald with a folder of its own, on each host. */
async function startHosts(lab: Lab): Promise<Record<HostName, LabProcess>> {
  for (const host of HOSTS) {
    await mkdir(folderOf(lab, host), { recursive: true });
    await cp(join(lab.paths.lab, "manifests"), manifestsOf(lab, host), { recursive: true });
    const argv = [process.execPath, join(lab.paths.lab, "web-server.mjs")];
    lab.start({ node: host, name: "web", argv, env: { HOST_NAME: host, SICK: sickFile(lab, host) } });
  }
  return { h1: startHerald(lab, "h1"), h2: startHerald(lab, "h2"), h3: startHerald(lab, "h3") };
}

function startHerald(lab: Lab, host: HostName): LabProcess {
  const words = ["standalone", "--node-name", host, "-f", manifestsOf(lab, host), "--state-dir", stateOf(lab, host)];
  return lab.start({
    node: host,
    name: "standalone",
    argv: [process.execPath, "--enable-source-maps", lab.paths.herald, ...words],
  });
}

async function checkHealth(lab: Lab): Promise<void> {
  const load = bothLoads(lab, LONGEST);
  await Promise.all(load.map((one) => one.underWay));
  await lab.step(`web of h1 fails its check: r1 leaves it within ${NOTICED_WITHIN} ms`, async () => {
    const since = performance.now();
    await writeFile(sickFile(lab, "h1"), "");
    return await via(lab, ["h2", "h3"], { since, within: NOTICED_WITHIN });
  });
  await lab.step("web of h1 is well: r1 takes it again", async () => {
    rmSync(sickFile(lab, "h1"));
    return await via(lab, HOSTS);
  });
  await lab.step(`${PER_SECOND} requests/s to each address, all the while: none is lost`, () => {
    for (const one of load) one.stop();
    return noneLost(load);
  });
}

/** One file of three is spoilt, by an editor that writes another one and renames it. */
async function checkBrokenFile(lab: Lab, herald: LabProcess): Promise<void> {
  const file = join(manifestsOf(lab, "h2"), "20-web.yaml");
  await copyFile(file, join(folderOf(lab, "h2"), "web.bak"));
  await lab.step("a broken file on h2: the log says which file and field", async () => {
    const text = readFileSync(file, "utf8").replace("port: 80\n    path", "port: eighty\n    path");
    await writeFile(join(folderOf(lab, "h2"), "web.new"), text);
    await rename(join(folderOf(lab, "h2"), "web.new"), file);
    const { value } = await lab.until("h2's log says what is wrong", 5000, () => Promise.resolve(refusal(herald)));
    return value;
  });
  await lab.step("and nothing changes: three next hops for two seconds", async () => {
    const end = performance.now() + 2000;
    await lab.until("two seconds", 10_000, async () => {
      await via(lab, HOSTS, { within: 1 });
      return performance.now() > end ? { value: true } : { seen: "not long enough" };
    });
  });
  await rename(join(folderOf(lab, "h2"), "web.bak"), file);
}

function refusal(herald: LabProcess): { readonly value: string } | { readonly seen: string } {
  for (const line of herald.tail(20)) {
    if (!line.startsWith("{")) continue;
    const [fault] = listOf(at(parseJson(line), "faults")).map(textOf);
    if (fault !== undefined && /20-web\.yaml: HealthCheck default\/web: spec\.http\.port: /.test(fault))
      return { value: fault.slice(fault.indexOf("20-web.yaml")) };
  }
  return { seen: herald.tail(1)[0] ?? "" };
}

/** Without its memory, h3 would give `kept` the address that is free now. */
async function checkRestart(lab: Lab, herald: LabProcess): Promise<void> {
  let [gone, kept] = ["", ""];
  let before = "";
  await lab.step("h3 has given addresses to one and two", async () => {
    const { value } = await lab.until("two addresses", 10_000, async () => {
      const [one, two] = [remembered(lab, "h3", "one"), remembered(lab, "h3", "two")];
      return one === "" || two === "" ? { seen: `one ${one}, two ${two}` } : { value: [one, two] as const };
    });
    [gone, kept] = value[0] < value[1] ? ["one", "two"] : ["two", "one"];
    before = remembered(lab, "h3", kept);
    return `one ${value[0]}, two ${value[1]}`;
  });
  await lab.step("h3's herald is killed: r1 leaves h3", async () => {
    await herald.stop("SIGKILL");
    return await via(lab, ["h1", "h2"]);
  });
  await lab.step(`it is started without ${gone}: ${kept} has the address that it had`, async () => {
    await rm(join(manifestsOf(lab, "h3"), `30-${gone}.yaml`));
    herald.start();
    await via(lab, HOSTS);
    const service = { name: kept, vips: [vipOf(before)] };
    return `${before}: ${await routedVia(lab, { router: ROUTER, service, nodes: HOSTS })}`;
  });
}

async function checkDeath(lab: Lab): Promise<void> {
  await lab.step("h3 loses its link: r1 leaves it when its hold time is over", async () => {
    const since = performance.now();
    await portsDown(lab, ROUTER, ["eth3"]);
    return await via(lab, ["h1", "h2"], { since, within: DEAD_WITHIN });
  });
  await lab.step(`${PER_SECOND} requests/s to each address from then on: none is lost`, () =>
    noneLost(bothLoads(lab, 3)),
  );
  await lab.step("the link is back: three next hops", async () => {
    await portsUp(lab, ROUTER, ["eth3"]);
    await sessionsUp(lab, ROUTER, HOSTS, 60_000);
    return await via(lab, HOSTS);
  });
}

function bothLoads(lab: Lab, duration: number): readonly RunningLoad[] {
  return WEB.vips.map(({ url }) => startLoad(lab, "client", { url, perSecond: PER_SECOND, seconds: duration }));
}

async function noneLost(loads: readonly RunningLoad[]): Promise<string> {
  const results: readonly Load[] = await Promise.all(loads.map((one) => one.done));
  const text = results.map(loadText).join("; ");
  if (results.some((one) => one.lost > 0 || one.answered === 0)) throw new LabCheckError(`want 0 lost, got ${text}`);
  return text;
}

function via(lab: Lab, nodes: readonly string[], timing: Parameters<typeof routedVia>[2] = {}): Promise<string> {
  return routedVia(lab, { router: ROUTER, service: WEB, nodes }, timing);
}

/** The address of a Service as a host's state file has it; empty when it has none yet. */
function remembered(lab: Lab, host: HostName, service: string): string {
  const file = join(stateOf(lab, host), "standalone.json");
  if (!existsSync(file)) return "";
  const [address] = listOf(at(parseJson(readFileSync(file, "utf8")), "addresses", `default/${service}`));
  return textOf(address);
}

function folderOf(lab: Lab, host: HostName): string {
  return join(lab.paths.state, host);
}

function manifestsOf(lab: Lab, host: HostName): string {
  return join(folderOf(lab, host), "manifests");
}

function stateOf(lab: Lab, host: HostName): string {
  return join(folderOf(lab, host), "state");
}

function sickFile(lab: Lab, host: HostName): string {
  return join(folderOf(lab, host), "sick");
}
