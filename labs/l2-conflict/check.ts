import { LabCheckError } from "../runner/errors.ts";
import { cutApi, reconnect } from "../runner/faults.ts";
import { at, listOf, textOf } from "../runner/json.ts";
import { eventSays, ownerText } from "../runner/l2-view.ts";
import type { Lab } from "../runner/lab.ts";
import { longest, unanswered } from "../runner/lan-rounds.ts";
import { LanTap } from "../runner/lan-tap.ts";
import { monotonic } from "../runner/monotonic.ts";
import { neighbourIs } from "../runner/neighbours.ts";
import { pause } from "../runner/poll.ts";
import { seconds } from "../runner/report.ts";
import { addressesOf, type Vip, vipOf } from "../runner/service-address.ts";
import { answersFrom } from "../runner/traffic.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";

const CLIENT = "client";
const STRANGER = "stranger";
/** The stranger's, and the first of the pool. */
const TAKEN = "10.98.0.100";
const PATIENCE = 20_000;
/** An address in quarantine is tried again after half a minute. */
const RETRY = 45_000;

/** What the lab promises: an address that somebody else uses is left alone, and everybody can see why. */
export async function check(lab: Lab): Promise<void> {
  const tap = await LanTap.on(lab, "watch");
  tap.ask(TAKEN);
  const begin = monotonic();
  await lab.step("manifests applied, the stranger has the first address of the pool", async () => {
    await lab.applyManifests();
    await placeEndpoints(lab, "any", { ready: podsOf(lab) });
    await tap.owner(TAKEN, { node: STRANGER });
  });
  const any = await checkAnother(lab, tap);
  await lab.api.apply(WANTED);
  await placeEndpoints(lab, "wanted", { ready: podsOf(lab) });
  await checkWanted(lab, tap, begin);
  const left = monotonic();
  await lab.step("the stranger leaves", async () => {
    await lab.exec(STRANGER, ["ip", "addr", "del", `${TAKEN}/24`, "dev", "eth1"]);
  });
  await checkLater(lab, tap, any);
  await withoutApi(lab, tap, any, () => checkCleared(lab, tap, left));
  await lab.step("no condition is left", async () => {
    for (const name of ["any", "wanted"]) await noCondition(lab, name);
  });
}

/** While something else is waited for: who does not reach the API answers as before, because the others still hear it. */
async function withoutApi(lab: Lab, tap: LanTap, { address }: Vip, wait: () => Promise<void>): Promise<void> {
  const { node } = await tap.owner(address);
  const since = await cutApi(lab, node);
  await wait();
  await lab.step(`${node} did not reach the API meanwhile, and answered for any as before`, async () => {
    await tap.owner(address, { node });
    const silent = longest(tap.rounds(address, since), unanswered);
    if (silent > 500) throw new LabCheckError(`nobody answered for ${Math.round(silent)} ms`);
    await reconnect(lab, node);
    return `for ${seconds(monotonic() - since).trim()}`;
  });
}

/** A Service that takes any address gets one that nobody uses. */
async function checkAnother(lab: Lab, tap: LanTap): Promise<Vip> {
  const { mac } = await lab.port(STRANGER, "eth1");
  await lab.step("any: an event names the stranger's hardware address", () =>
    eventSays(lab, { kind: "Service", name: "any", reason: /^AddressConflict$/, message: sentence(TAKEN, mac) }),
  );
  let vip: Vip | undefined;
  await lab.step("any: it gets another address, which one node answers for", async () => {
    const { value } = await lab.until("another address", PATIENCE, async () => {
      const [found] = (await addressesOf(lab, "any", [4])).vips;
      return found === undefined || found.address === TAKEN ? { seen: `${found?.address}` } : { value: found };
    });
    vip = value;
    tap.ask(value.address);
    const owner = await tap.owner(value.address);
    await answersFrom(lab, CLIENT, value, 10);
    return `${value.address} at ${owner.node}`;
  });
  if (vip === undefined) throw new LabCheckError("any has no address");
  return vip;
}

/** A Service that asked for the stranger's address keeps it, and waits. */
async function checkWanted(lab: Lab, tap: LanTap, begin: number): Promise<void> {
  const { mac } = await lab.port(STRANGER, "eth1");
  await lab.step("wanted: it asked for the stranger's address, and its condition names the stranger", async () => {
    await eventSays(lab, {
      kind: "Service",
      name: "wanted",
      reason: /^AddressConflict$/,
      message: sentence(TAKEN, mac),
    });
    return await condition(lab, "wanted", sentence(TAKEN, mac));
  });
  await lab.step("nobody but the stranger has answered for it or announced it", async () => {
    const heard = tap.heard(TAKEN, begin).filter(({ kind }) => kind === "answer" || kind === "announcement");
    const other = heard.find((one) => lab.nodeOfMac(one.mac) !== STRANGER);
    if (other !== undefined) throw new LabCheckError(`${other.kind} of ${lab.nodeOfMac(other.mac)}`);
    return `${heard.length} answers`;
  });
}

/** A stranger that takes an address in use is told so, and so is everybody else. */
async function checkLater(lab: Lab, tap: LanTap, { address }: Vip): Promise<void> {
  const { mac } = await lab.port(STRANGER, "eth1");
  // The announcements of a new owner are over then: what is heard afterwards is the defence.
  await pause(4500);
  const owner = await tap.owner(address);
  await answersFrom(lab, CLIENT, vipOf(address), 1);
  await lab.step(
    `the stranger takes ${address} of any: ${owner.node} announces it again at once, an event names the stranger`,
    async () => {
      const since = monotonic();
      await lab.exec(STRANGER, ["ip", "addr", "add", `${address}/24`, "dev", "eth1"]);
      // It talks to the client, who was not known to it: its question says to all that it has the address.
      await lab.exec(STRANGER, [
        "sh",
        "-c",
        `curl --silent --max-time 1 --interface ${address} http://10.98.0.50/ || true`,
      ]);
      const { value } = await lab.until("the owner defends it", PATIENCE, () => {
        const defence = tap
          .heard(address, since)
          .find((one) => one.kind === "announcement" && lab.nodeOfMac(one.mac) === owner.node);
        return Promise.resolve(defence === undefined ? { seen: "no announcement of it" } : { value: defence });
      });
      await eventSays(lab, {
        kind: "Service",
        name: "any",
        reason: /^AddressConflict$/,
        message: sentence(address, mac),
      });
      return `defended after ${Math.round(value.at - since)} ms`;
    },
  );
  await lab.step("the stranger gives it up: the client's kernel has the owner's hardware address", async () => {
    await lab.exec(STRANGER, ["ip", "addr", "del", `${address}/24`, "dev", "eth1"]);
    await tap.owner(address, { node: owner.node });
    return await neighbourIs(lab, CLIENT, { ip: address, node: owner.node });
  });
}

/** The wait is over when the next try hears nobody. */
async function checkCleared(lab: Lab, tap: LanTap, left: number): Promise<void> {
  await lab.step("wanted: its address is free, and announced", async () => {
    const owner = await tap.owner(TAKEN, { since: left, within: RETRY });
    await eventSays(lab, { kind: "Service", name: "wanted", reason: /^AddressConflictCleared$/ });
    const [vip] = (await addressesOf(lab, "wanted", [4])).vips;
    if (vip === undefined) throw new LabCheckError("wanted has no address");
    await answersFrom(lab, CLIENT, vip, 10);
    return `${ownerText(owner)} of the stranger's leave`;
  });
}

function sentence(address: string, mac: string): RegExp {
  return new RegExp(`${address.replaceAll(".", "\\.")} is in use by ${mac}`);
}

async function conditionsOf(lab: Lab, name: string): Promise<readonly string[]> {
  const service = await lab.api.get({ kind: "Service", namespace: "default", name });
  const conditions = listOf(at(service, "status", "conditions"));
  const own = conditions.filter(
    (one) => textOf(at(one, "type")).endsWith("AddressConflict") && at(one, "status") === "True",
  );
  return own.map((one) => textOf(at(one, "message")));
}

async function condition(lab: Lab, name: string, wanted: RegExp): Promise<string> {
  const { value } = await lab.until(`a condition of ${name} says ${wanted}`, PATIENCE, async () => {
    const messages = await conditionsOf(lab, name);
    const found = messages.find((message) => wanted.test(message));
    return found === undefined ? { seen: messages.join("; ") || "none" } : { value: found };
  });
  return value;
}

async function noCondition(lab: Lab, name: string): Promise<void> {
  await lab.until(`${name} has no conflict`, PATIENCE, async () => {
    const messages = await conditionsOf(lab, name);
    return messages.length === 0 ? { value: true } : { seen: messages.join("; ") };
  });
}

const WANTED = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "wanted", namespace: "default", annotations: { "metallb.io/loadBalancerIPs": TAKEN } },
  spec: {
    type: "LoadBalancer",
    ipFamilyPolicy: "SingleStack",
    ipFamilies: ["IPv4"],
    selector: { app: "wanted" },
    ports: [{ name: "http", port: 80, targetPort: 8080 }],
  },
} as const;
