import { restartApi, suspendApi } from "../runner/api-outage.ts";
import { allDone } from "../runner/command.ts";
import { LabCheckError } from "../runner/errors.ts";
import { ownerText, statusNames } from "../runner/l2-view.ts";
import { answeredTwice, longest, unanswered } from "../runner/lan-rounds.ts";
import { type Load, startLoad } from "../runner/load.ts";
import { monotonic } from "../runner/monotonic.ts";
import { pause } from "../runner/poll.ts";
import { placeEndpoints } from "../runner/workload.ts";
import { CLIENT, evenly, NODES, type Stage, vipOfService } from "./stage.ts";

/** Milliseconds for which a client may get no answer from an address, and nobody answer ARP for it. */
const OUTAGE = 1000;
/** Between the end of a pod and the start of the next one of a DaemonSet. */
const REPLACED = 1000;
const API_AWAY = 20_000;
/** Only the node of its pod may answer: while that one's speaker is replaced nobody does, and hosts go by what they know. */
const LOCAL = "web-local";
/** A speaker that did not reach the API for some seconds asks again every five, and has all that is new with the first answer. */
const RELISTED = 10_000;
/** Connections a second, to each address. */
const PER_SECOND = 10;
/** Seconds after which a load ends that nobody stopped. */
const LONGEST = 120;

/** Speakers are replaced one after the other, and the API server is away. */
export async function checkRollouts(stage: Stage): Promise<void> {
  await stage.lab.step("three nodes share the seven evenly", () => evenly(stage, { nodes: NODES, share: [2, 3] }));
  await rollout(stage, "SIGTERM");
  await rollout(stage, "SIGKILL");
  await apiAway(stage, { what: "hangs for", strike: () => suspendApi(stage.lab, API_AWAY), move: ["p1", "n1"] });
  await apiAway(stage, {
    what: "is killed and back after",
    strike: () => restartApi(stage.lab, API_AWAY),
    move: ["p3", "n3"],
  });
}

async function rollout(stage: Stage, signal: NodeJS.Signals): Promise<void> {
  const { lab } = stage;
  const what = `all speakers are restarted one after the other with ${signal}: clients have an answer all the time`;
  await answered(stage, { what }, async () => {
    for (const node of NODES) {
      await lab.speaker(node).stop(signal);
      await pause(REPLACED);
      lab.speaker(node).start();
      await evenly(stage, { nodes: NODES, share: [2, 3] });
    }
  });
}

interface ApiAway {
  readonly what: string;
  readonly strike: () => Promise<unknown>;
  /** The pod that web-local has when the API is back, and its node. */
  readonly move: readonly [string, string];
}

/** Speakers hear each other and not the API: whoever answers goes on, and nobody else begins. */
async function apiAway(stage: Stage, { what, strike, move: [pod, node] }: ApiAway): Promise<void> {
  const { lab, taps } = stage;
  const title = `the API server ${what} ${API_AWAY / 1000} s: every address is answered all the time, by one`;
  await answered(stage, { what: title, alone: true }, async () => void (await strike()));
  await lab.step(`it is heard again: the pod of web-local moves to ${node}, the address follows`, async () => {
    await placeEndpoints(lab, LOCAL, { ready: [pod] });
    const owner = await taps.near.owner(vipOfService(stage, LOCAL).address, { node, within: RELISTED });
    await statusNames(lab, LOCAL, node);
    return ownerText(owner);
  });
}

interface Watched {
  readonly what: string;
  /** Owners stay: two answers are one too many. */
  readonly alone?: boolean;
}

/** Does something while each address is asked for every 50 ms, and a client sends to each of them. */
async function answered(stage: Stage, { what, alone = false }: Watched, body: () => Promise<void>): Promise<void> {
  const { lab, taps, addresses } = stage;
  const vips = [...addresses].flatMap(([name, own]) => (name === LOCAL && !alone ? [] : own));
  const loads = vips.map(({ url }) => startLoad(lab, CLIENT, { url, perSecond: PER_SECOND, seconds: LONGEST }));
  await allDone(loads.map(({ underWay }) => underWay));
  await lab.step(what, async () => {
    const since = monotonic();
    await body();
    for (const load of loads) load.stop();
    const results = await allDone(loads.map(({ done }) => done));
    const over = (wrong: typeof unanswered): number =>
      Math.round(Math.max(...vips.map(({ address }) => longest(taps.near.rounds(address, since), wrong))));
    const [silent, twice] = [over(unanswered), over(answeredTwice)];
    const gap = Math.round(Math.max(...results.map(({ longestGap }) => longestGap)));
    const [sent, lost] = [sum(results, "sent"), sum(results, "lost")];
    const told = `${vips.length} addresses, ${lost} of ${sent} requests lost, longest gap ${gap} ms; ARP unanswered for ${silent} ms, answered by two for ${twice} ms`;
    const wrong = lost > 0 || gap >= OUTAGE || silent >= OUTAGE || (alone && twice > 0);
    if (wrong) throw new LabCheckError(told);
    return told;
  });
}

function sum(loads: readonly Load[], what: "sent" | "lost"): number {
  return loads.reduce((total, load) => total + load[what], 0);
}
