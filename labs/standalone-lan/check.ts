import { rmSync } from "node:fs";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attempt } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import type { Lab } from "../runner/lab.ts";
import type { LabProcess } from "../runner/processes.ts";
import { seconds } from "../runner/report.ts";

const HOSTS = ["h1", "h2"] as const;
type HostName = (typeof HOSTS)[number];
/** What the manifests ask for: the election gives the first to h1, and the second to h2. */
const SHOP = { name: "shop", address: "10.98.0.100" } as const;
const DESK = { name: "desk", address: "10.98.0.101" } as const;
type Shared = typeof SHOP | typeof DESK;
/** The same list on both: each leaves itself out. */
const MEMBERS = "10.98.0.11,10.98.0.12";
/** Generous, because the machine may be busy; what is printed is what it took. */
const PATIENCE = 60_000;

/** What the lab promises: one of the hosts answers for an address, and it is one where the service works. */
export async function check(lab: Lab): Promise<void> {
  const heralds = await startHosts(lab);
  await lab.step("shop is answered by h1, desk by h2, each by one alone", async () => {
    await answered(lab, DESK, "h2");
    return await answered(lab, SHOP, "h1");
  });
  await lab.step("shop is ill on h1: h2 answers for it, and h1 no longer", async () => {
    await writeFile(sickFile(lab, "h1"), "");
    return await answered(lab, SHOP, "h2");
  });
  await lab.step("desk, which has another check, has not moved", () => answered(lab, DESK, "h2"));
  await lab.step("shop is well on h1 again, and back", async () => {
    rmSync(sickFile(lab, "h1"));
    return await answered(lab, SHOP, "h1");
  });
  await lab.step("h2's herald is killed: h1 answers for desk too", async () => {
    await heralds.h2.stop("SIGKILL");
    return await answered(lab, DESK, "h1");
  });
  await lab.step("it is started again: desk is back", async () => {
    heralds.h2.start();
    return await answered(lab, DESK, "h2");
  });
  await lab.step("h1's herald is told to stop: h2 takes over what it had", async () => {
    await heralds.h1.stop("SIGTERM");
    return await answered(lab, SHOP, "h2");
  });
}

async function startHosts(lab: Lab): Promise<Record<HostName, LabProcess>> {
  for (const host of HOSTS) {
    await mkdir(folderOf(lab, host), { recursive: true });
    await cp(join(lab.paths.lab, "manifests"), join(folderOf(lab, host), "manifests"), { recursive: true });
    const argv = [process.execPath, join(lab.paths.root, "labs/standalone-anycast/web-server.mjs")];
    lab.start({ node: host, name: "web", argv, env: { HOST_NAME: host, SICK: sickFile(lab, host) } });
  }
  return { h1: startHerald(lab, "h1"), h2: startHerald(lab, "h2") };
}

function startHerald(lab: Lab, host: HostName): LabProcess {
  const folder = folderOf(lab, host);
  const words = [
    "standalone",
    "--node-name",
    host,
    "-f",
    join(folder, "manifests"),
    "--state-dir",
    join(folder, "state"),
  ];
  const members = ["--member", MEMBERS, "--member-key", join(lab.paths.lab, "member-key")];
  const admin = ["--admin-socket", join(folder, "speaker.sock"), "--kubeconfig-out", join(folder, "kubeconfig")];
  const argv = [process.execPath, "--enable-source-maps", lab.paths.herald, ...words, ...members, ...admin];
  return lab.start({ node: host, name: "standalone", argv });
}

/** Waits until everybody who answers for the address is this host, and a client that knows nobody reaches its service. */
async function answered(lab: Lab, { name, address }: Shared, host: HostName): Promise<string> {
  const since = performance.now();
  await lab.until(`${name} (${address}) answered by ${host} alone`, PATIENCE, async () => {
    const hosts = await whoAnswers(lab, address);
    return hosts.join() === host ? { value: true } : { seen: `answered by ${hosts.join(" and ") || "nobody"}` };
  });
  const took = seconds(performance.now() - since).trim();
  await lab.exec("client", ["ip", "neigh", "flush", "dev", "eth1"]);
  const [words] = await lab.curl("client", `http://${address}/`);
  if (words !== `pod=${host}`) throw new LabCheckError(`want pod=${host}, got ${words ?? "no answer"}`);
  return `after ${took}`;
}

/** Those that answer one question to all. */
async function whoAnswers(lab: Lab, address: string): Promise<readonly string[]> {
  const argv = ["arping", "-b", "-c", "1", "-w", "1", "-I", "eth1", address];
  const { stdout } = await attempt(lab.inside("client", argv));
  const macs = [...stdout.matchAll(/\[([0-9A-F:]+)\]/gi)].map(([, mac = ""]) => lab.nodeOfMac(mac.toLowerCase()));
  return [...new Set(macs)].toSorted();
}

function folderOf(lab: Lab, host: HostName): string {
  return join(lab.paths.state, host);
}

function sickFile(lab: Lab, host: HostName): string {
  return join(folderOf(lab, host), "sick");
}
