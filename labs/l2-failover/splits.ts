import { LabCheckError } from "../runner/errors.ts";
import { blockGossip, heal, isolate, partition, reconnect } from "../runner/faults.ts";
import { ownerText } from "../runner/l2-view.ts";
import { answeredTwice, longest, unanswered } from "../runner/lan-rounds.ts";
import { neighbourIs } from "../runner/neighbours.ts";
import { pause } from "../runner/poll.ts";
import { seconds } from "../runner/report.ts";
import { CLIENT, LAN, ROUTER, type Stage, vipOfService } from "./stage.ts";

/** After a partition heals, for members to meet and one owner to be left. */
const SETTLED = 5000;
/** A speaker that hears neither the API nor the others stops answering. */
const FENCED = 10_000;

/** Speakers that do not see each other. */
export async function checkSplits(stage: Stage): Promise<void> {
  await checkPartition(stage);
  await checkGossipBlocked(stage);
  await checkFencing(stage);
}

async function checkPartition(stage: Stage): Promise<void> {
  const { lab, taps } = stage;
  const { address } = vipOfService(stage, "web");
  await lab.step("the LAN is cut, client and n1 on one side: each side is answered by one node", async () => {
    const since = await partition(lab, LAN, ["client", "watch1", "n1"]);
    const here = await taps.near.owner(address, { node: "n1", since });
    const there = await taps.afar.owner(address, { node: "n2", since });
    return `the client's ${ownerText(here)}, the router's ${ownerText(there)}`;
  });
  await lab.step("the LAN is whole again: n2 alone, on both sides", async () => {
    const since = await heal(lab, LAN, "partition");
    const here = await taps.near.owner(address, { node: "n2", since, within: SETTLED });
    await taps.afar.owner(address, { node: "n2", since, within: SETTLED });
    for (const where of [CLIENT, ROUTER]) await neighbourIs(lab, where, { ip: address, node: "n2" });
    return `${ownerText(here)}, ${doubleText(stage, since)}`;
  });
}

/** The members lost each other, the LAN is whole: two believe they are the owner, and hear each other announce. */
async function checkGossipBlocked(stage: Stage): Promise<void> {
  const { lab, taps } = stage;
  const { address } = vipOfService(stage, "web");
  await lab.step("gossip is blocked, all else goes through: still one node answers", async () => {
    const since = await blockGossip(lab, LAN);
    await pause(5000);
    const owner = await taps.near.owner(address);
    return `${owner.node}, ${doubleText(stage, since)}`;
  });
  await lab.step("gossip goes through again: n2 alone", async () => {
    const since = await heal(lab, LAN, "gossip");
    return `${ownerText(await taps.near.owner(address, { node: "n2", since }))}, ${doubleText(stage, since)}`;
  });
}

async function checkFencing(stage: Stage): Promise<void> {
  const { lab, taps } = stage;
  const { address } = vipOfService(stage, "web");
  await lab.step("n2 hears neither API nor members, its data link is up: it stops answering, n1 answers", async () => {
    const since = await isolate(lab, "n2");
    const owner = await taps.near.owner(address, { node: "n1", since, within: FENCED + 5000 });
    if (owner.took > FENCED) throw new LabCheckError(`n1 was alone only after ${seconds(owner.took).trim()}`);
    await neighbourIs(lab, CLIENT, { ip: address, node: "n1" });
    return `${ownerText(owner)}, ${doubleText(stage, since)}`;
  });
  await lab.step("n2 is heard again: it answers again, alone", async () => {
    const since = await reconnect(lab, "n2");
    const owner = await taps.near.owner(address, { node: "n2", since });
    return `${ownerText(owner)}, ${doubleText(stage, since)}`;
  });
}

/** How long hosts on the client's side had two answers, or none. */
function doubleText({ taps, addresses }: Stage, since: number): string {
  const [vip] = addresses.get("web") ?? [];
  const rounds = taps.near.rounds(vip?.address ?? "", since);
  const [twice, never] = [longest(rounds, answeredTwice), longest(rounds, unanswered)].map(Math.round);
  return `answered by two for ${twice} ms, by nobody for ${never} ms`;
}
