import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { at, listOf, parseJson } from "../runner/json.ts";
import type { Lab } from "../runner/lab.ts";
import { LanTap } from "../runner/lan-tap.ts";
import { loadText, startLoad } from "../runner/load.ts";
import { monotonic } from "../runner/monotonic.ts";
import { neighbour, neighbourIs } from "../runner/neighbours.ts";
import { pause } from "../runner/poll.ts";
import { solicit } from "../runner/prober.ts";
import { type AddressedService, addressesOf, type Vip } from "../runner/service-address.ts";
import { answersFrom } from "../runner/traffic.ts";
import { placeEndpoints, podsOf } from "../runner/workload.ts";

/** MetalLB's election puts the addresses of web there. */
const OWNER = "n2";
const CLIENT = "client";
const ROUTER = "r1";
const STRANGER = "stranger";
const WATCH = "watch";
/** The client's kernel takes a neighbour for reachable for about a second. */
const WATCHED = 6;
const PATIENCE = 20_000;

/** What the lab promises: IPv4 and IPv6 alike, on the real neighbour tables of a client and a router. */
export async function check(lab: Lab): Promise<void> {
  const tap = await LanTap.on(lab, WATCH);
  let web: AddressedService = { name: "web", vips: [] };
  await lab.step("manifests applied, web has an IPv4 and an IPv6 address", async () => {
    await lab.applyManifests();
    await placeEndpoints(lab, "web", { ready: podsOf(lab) });
    web = await addressesOf(lab, "web", [4, 6]);
    return web.vips.map(({ address }) => address).join(", ");
  });
  for (const vip of web.vips) await checkAnswers(lab, tap, vip);
  await checkReachability(lab, web.vips);
  const v6 = web.vips.find(({ family }) => family === 6);
  if (v6 === undefined) throw new LabCheckError("web has no IPv6 address");
  await checkProber(lab, v6);
  await checkDuplicate(lab, v6);
  await checkLateInterface(lab, web.vips);
}

async function checkAnswers(lab: Lab, tap: LanTap, vip: Vip): Promise<void> {
  const { family, address } = vip;
  await lab.step(
    `IPv${family}: ${OWNER} alone answers; clients on both sides of the router reach the pods`,
    async () => {
      tap.ask(address);
      await tap.owner(address, { node: OWNER });
      for (const from of [CLIENT, "far"]) await answersFrom(lab, from, vip, 20);
      await allDone([CLIENT, ROUTER].map((where) => neighbourIs(lab, where, { ip: address, node: OWNER })));
      tap.hush(address);
    },
  );
}

/** A kernel asks by unicast whether a neighbour is still there: the answer keeps the entry, without a request lost. */
async function checkReachability(lab: Lab, vips: readonly Vip[]): Promise<void> {
  await lab.step(`the client's kernel asks again and again whether ${OWNER} is there, and it is`, async () =>
    (await allDone(vips.map((vip) => reachability(lab, vip)))).join("; "),
  );
}

async function reachability(lab: Lab, { family, address, echo }: Vip): Promise<string> {
  // Datagrams: what TCP acknowledges would be proof enough for the kernel.
  const load = startLoad(lab, CLIENT, { url: echo, perSecond: 50, seconds: WATCHED });
  const end = monotonic() + WATCHED * 1000;
  const seen: string[] = [];
  while (monotonic() < end) {
    const entry = await neighbour(lab, CLIENT, address);
    const state = entry?.states.join() ?? "NONE";
    if (seen.at(-1) !== state) seen.push(state);
    await pause(50);
  }
  const result = await load.done;
  const renewed = seen.filter((state, i) => state === "REACHABLE" && i > 0).length;
  if (renewed < 1 || seen.includes("FAILED") || result.lost > 0) {
    throw new LabCheckError(`IPv${family}: ${seen.join(" ")}; ${loadText(result)}`);
  }
  return `IPv${family} renewed ${renewed} times, ${result.answered} of ${result.sent} answered`;
}

/** A program that shares no code with Herald asks, in the ways that clients ask. */
async function checkProber(lab: Lab, { address }: Vip): Promise<void> {
  const { mac } = await lab.port(OWNER, "eth1");
  const asked = {
    "to the group": [],
    "by unicast": ["--unicast"],
    "by unicast without our address in it": ["--unicast", "--without-source"],
  };
  for (const [how, flags] of Object.entries(asked)) {
    await lab.step(`raw-socket's prober asks ${how}: exactly one answer each time`, async () => {
      const times = ["--count", "5", "--interval", "200"];
      // The kernel asks first whom it has to send a unicast question to, and that answer is told too.
      await solicit(lab, STRANGER, address, flags);
      const probed = await solicit(lab, STRANGER, address, [...flags, ...times]);
      const told = `${probed.answered} answers to ${probed.asked} questions, from ${probed.macs.map((one) => lab.nodeOfMac(one)).join(", ")}`;
      if (probed.answered !== probed.asked || probed.macs.join() !== mac) throw new LabCheckError(told);
      return told;
    });
  }
}

/** RFC 4862: who finds its address in use must not use it. */
async function checkDuplicate(lab: Lab, { address }: Vip): Promise<void> {
  await lab.step(
    `a stranger tries to take ${address}: its kernel finds the duplicate and leaves it alone`,
    async () => {
      await lab.exec(STRANGER, ["ip", "-6", "addr", "add", `${address}/64`, "dev", "eth1"]);
      const { took } = await lab.until("duplicate address detection fails", PATIENCE, async () => {
        const links = parseJson(await lab.exec(STRANGER, ["ip", "-j", "-6", "addr", "show", "dev", "eth1"]));
        const infos = listOf(links).flatMap((link) => listOf(at(link, "addr_info")));
        const own = infos.find((info) => at(info, "local") === address);
        return at(own, "dadfailed") === true ? { value: true } : { seen: JSON.stringify(own) };
      });
      await neighbourIs(lab, CLIENT, { ip: address, node: OWNER });
      await lab.exec(STRANGER, ["ip", "-6", "addr", "del", `${address}/64`, "dev", "eth1"]);
      return `${Math.round(took)} ms`;
    },
  );
}

/** A link that is not there at the start. */
async function checkLateInterface(lab: Lab, vips: readonly Vip[]): Promise<void> {
  await lab.step(`eth3 of ${OWNER} appears: it carries the addresses at once`, async () => {
    await lab.plug(OWNER, WATCH, "eth3");
    await lab.exec(WATCH, ["ip", "link", "set", "eth3", "up"]);
    await lab.exec(WATCH, ["ip", "addr", "add", "10.99.0.2/24", "dev", "eth3"]);
    await lab.exec(WATCH, ["ip", "-6", "addr", "add", "fd99::2/64", "dev", "eth3", "nodad"]);
    const tap = await LanTap.on(lab, WATCH, "eth3");
    const since = monotonic();
    await lab.exec(OWNER, ["ip", "link", "set", "eth3", "up"]);
    const { mac } = await lab.port(OWNER, "eth3");
    const told: string[] = [];
    for (const { address, family } of vips) {
      const { value } = await lab.until(`${address} is announced on it`, PATIENCE, () => {
        const heard = tap.heard(address, since).find(({ kind }) => kind === "announcement");
        return Promise.resolve(heard === undefined ? { seen: "no announcement" } : { value: heard });
      });
      tap.ask(address);
      const owner = await tap.owner(address);
      if (owner.mac !== mac) throw new LabCheckError(`answered by ${owner.mac}, not ${mac}`);
      told.push(`IPv${family} ${Math.round(value.at - since)} ms`);
    }
    await tap.stop();
    return told.join(", ");
  });
  await lab.step("eth3 vanishes: eth1 answers as before", async () => {
    await lab.exec(OWNER, ["ip", "link", "del", "eth3"]);
    for (const vip of vips) await answersFrom(lab, CLIENT, vip, 20);
  });
}
