import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { killNode, reviveNode } from "../runner/faults.ts";
import { ownerText, statusNames } from "../runner/l2-view.ts";
import { answeredTwice, longest, unanswered } from "../runner/lan-rounds.ts";
import { type Load, loadText, outageAfter, type RunningLoad, startLoad } from "../runner/load.ts";
import { monotonic } from "../runner/monotonic.ts";
import { neighbourIs } from "../runner/neighbours.ts";
import { pause } from "../runner/poll.ts";
import { placeEndpoints } from "../runner/workload.ts";
import { CLIENT, evenly, FAR, LAN, PODS, ROUTER, type Stage, vipOfService } from "./stage.ts";

/** What a node's death may cost, and the time that a busy machine takes besides. */
const OUTAGE = 1200 + 300;
const PER_SECOND = 1000;
/** Across a move and the move back. */
const AT_LEAST = 10_000;
/** Seconds after which a load ends that nobody stopped. */
const LONGEST = 60;

/** Owners come and go, in all the ways they can. */
export async function checkMoves(stage: Stage): Promise<void> {
  await checkDeath(stage);
  await checkReturn(stage);
  await checkDrain(stage);
  await checkStop(stage);
  await checkLocal(stage);
}

async function checkDeath(stage: Stage): Promise<void> {
  const { lab, taps } = stage;
  const web = vipOfService(stage, "web");
  // The pod of the node that is about to die is gone already: what is measured is the way to the others.
  for (const service of ["web", "web-sticky"]) await placeEndpoints(lab, service, { ready: ["p1", "p3"] });
  const loads = [
    ["client, IPv4", startLoad(lab, CLIENT, { url: web.echo, perSecond: 250, seconds: LONGEST })],
    ["behind the router, IPv4", startLoad(lab, FAR, { url: web.echo, perSecond: 250, seconds: LONGEST })],
    [
      "client, IPv6",
      startLoad(lab, CLIENT, { url: vipOfService(stage, "web", 6).echo, perSecond: 250, seconds: LONGEST }),
    ],
  ] as const;
  await allDone(loads.map(([, load]) => load.underWay));
  await pause(500);
  const moment = await killNode(lab, LAN, "n2");
  await lab.step("n2 is killed and its link goes dark: n1 answers for web, n3 for web-sticky", async () => {
    const owner = await taps.near.owner(web.address, { node: "n1", since: moment });
    await taps.near.owner(vipOfService(stage, "web-sticky").address, { node: "n3", since: moment });
    for (const where of [CLIENT, ROUTER]) await neighbourIs(lab, where, { ip: web.address, node: "n1" });
    return ownerText(owner);
  });
  await lab.step(`requests are answered again within ${OUTAGE} ms`, async () => {
    const told: string[] = [];
    await pause(500);
    for (const [, load] of loads) load.stop();
    for (const [who, load] of loads) told.push(outageText(who, await load.done, moment));
    return told.join("; ");
  });
  await lab.step("two nodes share the seven evenly; the statuses name n1 and n3", async () => {
    await statusNames(lab, "web", "n1");
    await statusNames(lab, "web-sticky", "n3");
    return await evenly(stage, { nodes: ["n1", "n3"], share: [3, 4] });
  });
}

function outageText(who: string, load: Load, moment: number): string {
  const outage = outageAfter(load, moment);
  const text = `${who}: ${Math.round(outage)} ms`;
  if (outage === 0 || outage > OUTAGE) throw new LabCheckError(`${text}; ${loadText(load)}`);
  return text;
}

async function checkReturn(stage: Stage): Promise<void> {
  const { lab, taps } = stage;
  const sticky = vipOfService(stage, "web-sticky").address;
  await lab.step("n2 comes back: it takes web back, web-sticky stays with n3", async () => {
    const since = monotonic();
    await reviveNode(lab, LAN, "n2");
    const owner = await taps.near.owner(vipOfService(stage, "web").address, { node: "n2", since });
    await pause(1000);
    await taps.near.owner(sticky, { node: "n3" });
    await statusNames(lab, "web", "n2");
    for (const service of ["web", "web-sticky"]) await placeEndpoints(lab, service, { ready: PODS });
    return ownerText(owner);
  });
  await lab.step("three nodes share the seven evenly again", () =>
    evenly(stage, { nodes: ["n1", "n2", "n3"], share: [2, 3] }),
  );
}

/** A drain hands the addresses over while the node goes on forwarding, and nobody notices; nor when it ends. */
async function checkDrain(stage: Stage): Promise<void> {
  const { lab } = stage;
  const drain = (value: string | null): Promise<void> =>
    lab.api.patch({ kind: "Node", name: "n2" }, { metadata: { annotations: { "herald.io/drain": value } } });
  await planned(stage, {
    away: { title: "n2 is drained by annotation: n1 answers for web", begin: () => drain("new disk") },
    back: { title: "the annotation is removed: n2 answers again", begin: () => drain(null) },
  });
}

/** The same for a speaker that is stopped, as in a rolling update. */
async function checkStop(stage: Stage): Promise<void> {
  const { lab } = stage;
  await planned(stage, {
    away: {
      title: "n2's speaker is stopped with SIGTERM: n1 answers for web",
      begin: async () => {
        if (!(await lab.speaker("n2").stop("SIGTERM"))) throw new LabCheckError("SIGTERM did not end it within 10 s");
      },
    },
    back: { title: "it is started again: n2 answers again", begin: async () => lab.speaker("n2").start() },
  });
}

interface PlannedMove {
  readonly away: { readonly title: string; readonly begin: () => Promise<void> };
  readonly back: { readonly title: string; readonly begin: () => Promise<void> };
}

/** From n2 to n1 and back, under a load that must not notice. */
async function planned(stage: Stage, { away, back }: PlannedMove): Promise<void> {
  const { lab, taps } = stage;
  const { url, echo, address } = vipOfService(stage, "web");
  const loads: readonly RunningLoad[] = [
    startLoad(lab, CLIENT, { url: echo, perSecond: PER_SECOND, seconds: LONGEST }),
    startLoad(lab, FAR, { url: echo, perSecond: PER_SECOND / 10, seconds: LONGEST }),
    startLoad(lab, CLIENT, { url, perSecond: PER_SECOND / 20, seconds: LONGEST }),
  ];
  await allDone(loads.map(({ underWay }) => underWay));
  const begin = monotonic();
  await pause(1000);
  for (const { step, node } of [
    { step: away, node: "n1" },
    { step: back, node: "n2" },
  ]) {
    await lab.step(step.title, async () => {
      const since = monotonic();
      await step.begin();
      const owner = await taps.near.owner(address, { node, since });
      await statusNames(lab, "web", node);
      return ownerText(owner);
    });
    await pause(1000);
  }
  await lab.step(
    `${PER_SECOND} datagrams/s and 50 connections/s from the client, ${PER_SECOND / 10} datagrams/s from afar: none is lost`,
    async () => {
      await pause(Math.max(0, begin + AT_LEAST - monotonic()));
      for (const load of loads) load.stop();
      const results = await allDone(loads.map(({ done }) => done));
      const told = results.map(loadText).join("; ");
      if (results.some(({ lost }) => lost > 0)) throw new LabCheckError(told);
      const rounds = taps.near.rounds(address, begin);
      const silent = Math.round(longest(rounds, unanswered));
      return `${told}; ARP unanswered for ${silent} ms, answered by two for ${Math.round(longest(rounds, answeredTwice))} ms`;
    },
  );
}

/** externalTrafficPolicy Local: whoever has the pod answers. */
async function checkLocal(stage: Stage): Promise<void> {
  const { lab, taps } = stage;
  const { address } = vipOfService(stage, "web-local");
  await lab.step("web-local: its pod moves from n1 to n3, the address follows", async () => {
    const since = monotonic();
    await placeEndpoints(lab, "web-local", { ready: ["p3"] });
    const owner = await taps.near.owner(address, { node: "n3", since });
    await neighbourIs(lab, CLIENT, { ip: address, node: "n3" });
    await statusNames(lab, "web-local", "n3");
    return ownerText(owner);
  });
  await lab.step("web-local: no pod is left, nobody answers", async () => {
    await placeEndpoints(lab, "web-local", { ready: [] });
    await taps.near.silence(address);
  });
  await lab.step("web-local: a pod is ready on n1", async () => {
    const since = monotonic();
    await placeEndpoints(lab, "web-local", { ready: ["p1"] });
    return ownerText(await taps.near.owner(address, { node: "n1", since }));
  });
}
