import { describe, expect, it } from "vitest";
import { judgeService, type ServiceFacts, serviceRow } from "../../src/looking-glass/service-judgement.ts";
import type { Reach } from "../../src/looking-glass/session-board.ts";

const announced = (node: string, fields: { peers?: readonly string[]; layer2?: boolean } = {}) => ({
  service: "shop/web",
  node,
  peers: fields.peers ?? ["tor"],
  layer2: fields.layer2 ?? false,
  addresses: [],
});
const conflict = {
  type: "herald.io/AddressConflict",
  status: "True",
  message: "192.0.2.1 is in use by 02:00:00:00:00:09 on interface eth0 of Node a",
};
const object = (
  ingress: readonly string[],
  conditions: readonly (typeof conflict)[] = [],
): ServiceFacts["service"] => ({
  metadata: { namespace: "shop", name: "web" },
  spec: { type: "LoadBalancer" },
  status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) }, conditions },
});
const facts = (fields: Partial<ServiceFacts> = {}): ServiceFacts => ({
  namespace: "shop",
  name: "web",
  service: object(["192.0.2.1"]),
  endpoints: { any: true, count: 2 },
  announcements: [announced("a"), announced("b")],
  announcementsKnown: true,
  refusals: [],
  outcome: { pool: "main", unmet: undefined },
  ...fields,
});
const announcers = (reach: (node: string) => Reach) => ({ reach, isSilent: (node: string) => node === "gone" });
const unmet = { reason: "no-available-addresses", message: "the pool is full" };
const refused = (reason: string) => ({ node: "a", protocol: "bgp" as const, reason, message: `it is ${reason}` });

describe("how a Service is", () => {
  it.each<[string, Partial<ServiceFacts>, Readonly<Record<string, Reach>>, string, string | undefined]>([
    ["somebody else has its address", { service: object(["192.0.2.1"], [conflict]) }, {}, "bad", "address-conflict"],
    [
      "it has no address, and why",
      { service: object([]), outcome: { pool: undefined, unmet } },
      {},
      "bad",
      unmet.reason,
    ],
    ["nobody wrote its address", { service: object([]) }, {}, "bad", "no-address"],
    ["nothing is behind it", { endpoints: { any: false, count: 0 } }, {}, "bad", "no-endpoint"],
    [
      "nobody announces it, and says why",
      { announcements: [], refusals: [refused("lost-election"), refused("node-excluded")] },
      {},
      "bad",
      "node-excluded",
    ],
    ["nobody announces it", { announcements: [] }, {}, "bad", "not-announced"],
    ["nobody said yet who announces it", { announcements: [], announcementsKnown: false }, {}, "unknown", "not-seen"],
    ["no session is up", {}, { a: "down", b: "down" }, "bad", "session-down"],
    ["one session is up", {}, { a: "down", b: "up" }, "doubtful", "session-down"],
    [
      "one session is down, and of the other nothing is known",
      {},
      { a: "down", b: "unknown" },
      "unknown",
      "session-down",
    ],
    ["the speakers do not answer", {}, { a: "unknown", b: "unknown" }, "unknown", "not-seen"],
    ["one speaker does not answer", {}, { a: "up", b: "unknown" }, "good", undefined],
    [
      "no session is needed on the LAN",
      { announcements: [announced("a", { peers: [], layer2: true })] },
      {},
      "good",
      undefined,
    ],
    [
      "who has it on the LAN does not answer",
      { announcements: [announced("gone", { peers: [], layer2: true })] },
      {},
      "unknown",
      "not-seen",
    ],
    [
      "it has one address and wants two",
      { outcome: { pool: "main", unmet } },
      { a: "up", b: "up" },
      "doubtful",
      unmet.reason,
    ],
    ["all is well", {}, { a: "up", b: "up" }, "good", undefined],
  ])("%s", (_, fields, reach, health, reason) => {
    const judged = judgeService(
      facts(fields),
      announcers((node) => reach[node] ?? "unknown"),
    );
    expect([judged.health, judged.trouble?.reason]).toEqual([health, reason]);
  });

  it("names three sessions that are down, and counts the others", () => {
    const announcements = ["a", "b", "c", "d", "e"].map((node) => announced(node));
    const { trouble } = judgeService(
      facts({ announcements }),
      announcers(() => "down"),
    );
    expect(trouble?.message).toBe("no session with tor from a, tor from b, tor from c and 2 more");
  });

  it("takes the addresses from speakers where no API is asked", () => {
    const announcements = [
      { ...announced("a"), addresses: ["192.0.2.2"] },
      { ...announced("b"), addresses: ["192.0.2.2"] },
    ];
    const row = serviceRow(facts({ service: undefined, announcements }), { health: "good" }, undefined);
    expect(row).toMatchObject({ addresses: ["192.0.2.2"], bgp: { nodes: ["a", "b"], peers: ["tor"] }, layer2: [] });
  });
});
