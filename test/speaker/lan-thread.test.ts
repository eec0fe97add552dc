import { expect, it } from "vitest";
import { millis } from "../../src/net/micros.ts";
import type { GossipOptions, GossipReport } from "../../src/speaker/gossip-messages.ts";
import { lanChannels } from "../../src/speaker/lan-thread.ts";
import type { Layer2Report } from "../../src/speaker/layer2-messages.ts";
import { systemSockets } from "../../src/system/native/socket.ts";
import { until } from "../support/until.ts";

const GOSSIP: GossipOptions = {
  node: "a",
  bind: { address: "127.0.0.1", port: 0 },
  advertise: undefined,
  keys: [],
  settings: { probeInterval: millis(200), probeTimeout: millis(50) },
};
const LAYER2 = { node: "a", excludedInterfaces: undefined };

/** What an engine says, and its loss. */
function ears<Report extends { readonly type: string }>() {
  const [reports, lost]: [Report[], string[]] = [[], []];
  const handlers = {
    report: (report: Report) => void reports.push(report),
    lost: (reason: string) => void lost.push(reason),
  };
  return { reports, lost, handlers, has: (type: string) => reports.some((one) => one.type === type) };
}

const native = systemSockets.available;
if (!native && process.env["CI"] === "true") throw new Error("CI must run these tests: native sockets are not built");

it.skipIf(!native)(
  `layer 2 and gossip answer from one thread, run from source, and are not missed when they are closed${native ? "" : " (skipped: native sockets are not built)"}`,
  async () => {
    const channels = lanChannels();
    const [one, other] = [ears<Layer2Report>(), ears<GossipReport>()];
    const layer2 = channels.startLayer2(LAYER2, one.handlers);
    const gossip = channels.startGossip(GOSSIP, other.handlers);
    layer2.post({ type: "inspect", request: 3 });
    await until(
      "what the engines say first",
      () => one.has("inspected") && one.has("interfaces") && other.has("members"),
    );
    expect(one.reports.find(({ type }) => type === "inspected")).toMatchObject({
      request: 3,
      inspection: { addresses: [], fenced: false },
    });
    expect(other.reports[0]).toEqual({ type: "members", members: ["a"], change: undefined });
    await layer2.close();
    gossip.post({ type: "leave" });
    await until("the goodbye", () => other.has("left"));
    await gossip.close();
    expect([one.lost, other.lost]).toEqual([[], []]);
  },
);

it.skipIf(!native)(
  "an engine that throws takes the thread with it, which both are told once; the next has a new one",
  async () => {
    const channels = lanChannels();
    const [one, other, third] = [ears<Layer2Report>(), ears<GossipReport>(), ears<GossipReport>()];
    const layer2 = channels.startLayer2(LAYER2, one.handlers);
    const gossip = channels.startGossip(GOSSIP, other.handlers);
    layer2.post(JSON.parse('{ "type": "hold" }'));
    await until("the loss", () => one.lost.length > 0 && other.lost.length > 0);
    await Promise.all([layer2.close(), gossip.close()]);
    expect([one.lost.length, other.lost.length]).toEqual([1, 1]);
    const next = channels.startGossip(GOSSIP, third.handlers);
    await until("the next one's first word", () => third.has("members"));
    await next.close();
  },
);
