import { afterEach, test } from "vitest";
import { DEFAULT_SETTINGS } from "../../src/membership/settings.ts";
import { GossipEngine } from "../../src/speaker/gossip-engine.ts";
import type { GossipReport } from "../../src/speaker/gossip-messages.ts";
import type { GossipPlace } from "../../src/speaker/gossip-ports.ts";
import { systemGossipPorts } from "../../src/speaker/gossip-udp.ts";
import { until } from "../support/until.ts";

const engines: GossipEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});

function start(node: string, bind: GossipPlace): { readonly engine: GossipEngine; readonly reports: GossipReport[] } {
  const reports: GossipReport[] = [];
  const options = { node, bind, advertise: undefined, keys: [new Uint8Array(16)], settings: DEFAULT_SETTINGS };
  const engine = new GossipEngine(systemGossipPorts(), options, (report) => reports.push(report));
  engines.push(engine);
  return { engine, reports };
}

function members(reports: readonly GossipReport[]): string {
  return reports.findLast((report) => report.type === "members")?.members.join() ?? "";
}

test.each([
  ["IPv4", "127.0.0.1", "127.0.0.1", 27946],
  ["IPv6", "::1", "::1", 27956],
  ["IPv4 on a socket for both", "::", "127.0.0.1", 27966],
])("three engines on real sockets find each other and miss the one that is gone: %s", async (_, bind, seed, port) => {
  const all = ["a", "b", "c"].map((node, i) => start(node, { address: bind, port: port + i }));
  for (const { engine } of all) engine.handle({ type: "seeds", seeds: [{ address: seed, port }] });
  await until("all three are members", () => all.every(({ reports }) => members(reports) === "a,b,c"));
  const [a, b, c] = all;
  c?.engine.close();
  await until("the third is missed", () => members(a?.reports ?? []) === "a,b" && members(b?.reports ?? []) === "a,b");
});

test("a port that another has is reported", async () => {
  start("a", { address: "127.0.0.1", port: 27976 });
  const { reports } = start("b", { address: "127.0.0.1", port: 27976 });
  await until("the port is said to be taken", () => reports.some(({ type }) => type === "socket-failed"));
});
