import { describe, expect, test } from "vitest";
import type { Decision } from "../../src/announcement/decision.ts";
import { nodeName, peerName, poolName } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import type { Service } from "../../src/api/core.ts";
import { type Move, type MoveContent, MoveRing } from "../../src/inspection/move.ts";
import { micros } from "../../src/net/micros.ts";
import { MoveRecorder } from "../../src/speaker/moves.ts";
import { ip, prefix } from "../bgp/values.ts";

const NOON = (): Date => new Date("2026-11-22T12:00:00Z");
const WEB = "default/web" as ServiceKey;

describe("the ring", () => {
  function filled(count: number, limit = 10): MoveRing {
    const ring = new MoveRing("n1", NOON, limit);
    for (let i = 0; i < count; i++) ring.record({ type: "announced" });
    return ring;
  }

  test.each([
    [0, 0, [], 0],
    [3, 0, [0, 1, 2], 0],
    [3, 3, [], 0],
    [12, 12, [], 0],
    [12, 11, [11], 0],
    [12, 0, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 2],
    [35, 24, [25, 26, 27, 28, 29, 30, 31, 32, 33, 34], 1],
    [35, 25, [25, 26, 27, 28, 29, 30, 31, 32, 33, 34], 0],
  ])("of %i moves, from %i on: in order, and how many are forgotten", (count, from, seqs, lost) => {
    const told = filled(count).from(from);
    expect(told.moves.map(({ seq }: Move) => seq)).toEqual(seqs);
    expect(told.lost).toBe(lost);
  });

  test("never keeps more than twice its limit", () => {
    expect(filled(10_000).from(0).moves).toHaveLength(10);
  });
});

describe("a decision makes moves", () => {
  const attributes = {
    localPref: undefined,
    med: undefined,
    asPathPrepend: undefined,
    linkBandwidth: undefined,
    communities: [],
    largeCommunities: [],
    advertisements: ["public"],
  };
  const bgp = (...ips: readonly string[]): Decision["bgp"] =>
    ips.map((one) => ({
      service: WEB,
      ip: ip(one),
      peer: peerName("tor1"),
      prefix: prefix(`${one}/32`),
      attributes,
      weight: 1,
    }));
  const layer2 = (...ips: readonly string[]): Decision["layer2"] =>
    ips.map((one) => ({
      service: WEB,
      ip: ip(one),
      interfaces: [],
      advertisements: ["lan"],
      refresh: micros(0),
      conflictDetection: true,
    }));
  const lost = (winner: string | undefined): Decision["refusals"][number] => ({
    service: WEB,
    ip: "192.0.2.1",
    protocol: "layer2",
    cause: {
      reason: "lost-election",
      node: nodeName("n1"),
      winner: winner === undefined ? undefined : nodeName(winner),
      scores: [0, 0],
      by: "digest",
    },
  });
  const refused = (
    protocol: "bgp" | "layer2",
    reason: "no-endpoint" | "no-matching-advertisement",
  ): Decision["refusals"][number] => ({
    service: WEB,
    ip: "192.0.2.1",
    protocol,
    cause:
      reason === "no-endpoint" ? { reason } : { reason, node: nodeName("n1"), pool: poolName("public"), exist: false },
  });
  const decision = (over: Partial<Decision>): Decision => ({ key: WEB, bgp: [], layer2: [], refusals: [], ...over });

  function moves(...steps: readonly (Decision | undefined)[]): readonly string[] {
    const told: MoveContent[] = [];
    const recorder = new MoveRecorder({ record: (move) => void told.push(move) });
    for (const step of steps) recorder.decided(WEB, step);
    return told.map(({ type, protocol, addresses, other, reason }) =>
      [type, protocol, addresses?.join("+"), other, reason].filter((one) => one !== undefined).join(" "),
    );
  }

  test.each<readonly [string, readonly (Decision | undefined)[], readonly string[]]>([
    [
      "a pass that changes nothing",
      [decision({ bgp: bgp("192.0.2.1") }), decision({ bgp: bgp("192.0.2.1") })],
      ["announced bgp 192.0.2.1"],
    ],
    [
      "withdrawn says the reason",
      [decision({ bgp: bgp("192.0.2.1") }), decision({ refusals: [refused("bgp", "no-endpoint")] })],
      ["announced bgp 192.0.2.1", "withdrawn bgp 192.0.2.1 no-endpoint"],
    ],
    [
      "a Service that is gone",
      [decision({ bgp: bgp("192.0.2.1") }), undefined],
      ["announced bgp 192.0.2.1", "withdrawn bgp 192.0.2.1 service-gone"],
    ],
    [
      "another address: the old one goes, the new one comes",
      [decision({ bgp: bgp("192.0.2.1") }), decision({ bgp: bgp("192.0.2.2") })],
      ["announced bgp 192.0.2.1", "withdrawn bgp 192.0.2.1 service-gone", "announced bgp 192.0.2.2"],
    ],
    [
      "an election that goes to another node, and back",
      [
        decision({ refusals: [lost("n2")] }),
        decision({ refusals: [lost("n3")] }),
        decision({ layer2: layer2("192.0.2.1") }),
      ],
      ["elected layer2 n2 lost-election", "elected layer2 n3 lost-election", "announced layer2 192.0.2.1"],
    ],
    [
      "who else was elected, once it is known",
      [
        decision({ refusals: [lost(undefined)] }),
        decision({ refusals: [lost("n2")] }),
        decision({ refusals: [lost(undefined)] }),
        decision({ refusals: [lost("n2")] }),
        decision({ layer2: layer2("192.0.2.1") }),
        decision({ refusals: [lost(undefined)] }),
      ],
      ["elected layer2 n2 lost-election", "announced layer2 192.0.2.1", "withdrawn layer2 192.0.2.1 lost-election"],
    ],
    [
      "no advertisement of the other protocol is no news",
      [decision({ bgp: bgp("192.0.2.1"), refusals: [refused("layer2", "no-matching-advertisement")] })],
      ["announced bgp 192.0.2.1"],
    ],
    [
      "refused once, whatever the number of passes",
      [
        decision({ refusals: [refused("bgp", "no-endpoint")] }),
        decision({ refusals: [refused("bgp", "no-endpoint")] }),
      ],
      ["refused bgp no-endpoint"],
    ],
    [
      "refused for want of any advertisement",
      [
        decision({
          refusals: [refused("bgp", "no-matching-advertisement"), refused("layer2", "no-matching-advertisement")],
        }),
      ],
      ["refused bgp no-matching-advertisement"],
    ],
  ])("%s", (_, steps, expected) => {
    expect(moves(...steps)).toEqual(expected);
  });

  test("an address that was given and one that was taken away are two moves", () => {
    const told: MoveContent[] = [];
    const recorder = new MoveRecorder({ record: (move) => void told.push(move) });
    const service = (...ips: readonly string[]): Service => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web", namespace: "default" },
      spec: { type: "LoadBalancer" },
      status: { loadBalancer: { ingress: ips.map((one) => ({ ip: one })) } },
    });
    recorder.allocated(service("192.0.2.1"), service());
    recorder.allocated(service("192.0.2.2"), service("192.0.2.1"));
    recorder.allocated(undefined, service("192.0.2.2"));
    expect(told.map(({ type, addresses }) => `${type} ${addresses?.join()}`)).toEqual([
      "allocated 192.0.2.1",
      "released 192.0.2.1",
      "allocated 192.0.2.2",
      "released 192.0.2.2",
    ]);
  });

  test("attempts of a session between two losses are no moves; its way up and down are", () => {
    const told: MoveContent[] = [];
    const recorder = new MoveRecorder({ record: (move) => void told.push(move) });
    for (const state of ["connect", "open-sent", "established", "idle", "connect", "active", "established"] as const)
      recorder.session("tor1", state, state === "idle" ? "hold timer" : undefined);
    expect(told.map(({ type, message }) => [type, message])).toEqual([
      ["session-up", undefined],
      ["session-down", "hold timer"],
      ["session-up", undefined],
    ]);
  });
});
