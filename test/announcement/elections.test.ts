import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ClusterInput, prepareCluster } from "../../src/announcement/cluster-context.ts";
import { decideSurvey, nodeContext } from "../../src/announcement/decision.ts";
import { settleDuel } from "../../src/announcement/duel.ts";
import { Elections } from "../../src/announcement/elections.ts";
import { formatRefusal } from "../../src/announcement/refusal.ts";
import type { ServiceState } from "../../src/announcement/service-survey.ts";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { NodeName, ServiceKey } from "../../src/api/config.ts";
import { keyOfService } from "../../src/api/service-addresses.ts";
import { electionDigest } from "../../src/layer2/election.ts";
import { base, config, known, l2Ad, labels, local, main, node, on, service } from "./cluster.ts";

const NODES = ["a", "b", "c"];
const hash = config(main, l2Ad("lan"));
const even = config(main, l2Ad("lan", { spread: "even" }));
const sticky = config(main, l2Ad("lan", { sticky: true }));
const key = (name: string): ServiceKey => serviceKey("default", name);

function inputOf(fields: Partial<ClusterInput>): ClusterInput {
  return { ...base, config: hash, nodes: NODES.map((name) => node(name)), ...fields };
}

function electionsOf(fields: Partial<ClusterInput>, ...services: readonly ServiceState[]): Elections {
  const cluster = prepareCluster(inputOf(fields));
  const elections = new Elections(cluster);
  elections.reconfigure(cluster, services);
  return elections;
}

const one = (name: string, ips: readonly string[], endpoints = on(...NODES), fields: object = {}): ServiceState => ({
  service: service(name, { ips, ...fields }),
  endpoints,
});
const localOne = (name: string, ips: readonly string[], ...nodes: readonly string[]): ServiceState =>
  one(name, ips, on(...nodes), { spec: { type: "LoadBalancer", ...local } });

function winnerOf(elections: Elections, name: string): string | undefined {
  const survey = elections.survey(key(name));
  return survey?.type === "surveyed" ? survey.winner : undefined;
}

/** The refusals of one Service on one node, in words. */
function wordsOn(elections: Elections, fields: Partial<ClusterInput>, where: string, name: string): readonly string[] {
  const cx = nodeContext(prepareCluster(inputOf(fields)), nodeName(where));
  const { refusals } = decideSurvey(cx, known(elections.survey(key(name))));
  return refusals.filter(({ protocol }) => protocol === "layer2").map(formatRefusal);
}

describe("an address has one owner, whoever shares it (metallb 558 and 968)", () => {
  test("Local Services with endpoints on different nodes go where most of them can", () => {
    const elections = electionsOf({}, localOne("x", ["10.0.0.1"], "a", "b"), localOne("y", ["10.0.0.1"], "b", "c"));
    expect([winnerOf(elections, "x"), winnerOf(elections, "y")]).toEqual(["b", "b"]);
  });

  test("one that cannot be served there hears which node it is, and that node does not announce for it", () => {
    const elections = electionsOf({}, localOne("x", ["10.0.0.1"], "a"), localOne("y", ["10.0.0.1"], "c"));
    const winner = known(winnerOf(elections, "x"));
    expect(winnerOf(elections, "y")).toBe(winner);
    const [served, other] = winner === "a" ? ["x", "y"] : ["y", "x"];
    expect(wordsOn(elections, {}, winner, served)).toEqual([]);
    expect(wordsOn(elections, {}, winner, other)).toEqual([
      `Service default/${other} has spec.externalTrafficPolicy Local and no usable endpoint on Node ${winner}`,
    ]);
    expect(wordsOn(elections, {}, winner === "a" ? "c" : "a", other)[0]).toContain("one node answers for all Services");
  });

  test.each([["hash", hash] as const, ["even", even] as const])(
    "chains of dual-stack Services are one (%s)",
    (_, cfg) => {
      const chain = [one("x", ["10.0.0.1", "2001:db8::1"]), one("y", ["2001:db8::1"]), one("z", ["10.0.0.1"])];
      const elections = electionsOf({ config: cfg }, ...chain);
      expect(new Set(["x", "y", "z"].map((name) => winnerOf(elections, name))).size).toBe(1);
    },
  );

  test("one that MetalLB's rules refuse has no say", () => {
    const selective = config(main, l2Ad("lan"), l2Ad("web", { serviceSelectors: [labels({ app: "web" })] }));
    const refused = localOne("y", ["10.0.0.1"], "c");
    const annotations = { "metallb.io/allow-shared-ip": "k" };
    const shared = { ...refused.service.metadata, labels: { app: "web" }, annotations };
    const y = { ...refused, service: { ...refused.service, metadata: shared } };
    expect(winnerOf(electionsOf({ config: selective }, localOne("x", ["10.0.0.1"], "a"), y), "x")).toBe("a");
  });
});

describe("sticky", () => {
  const incumbents = (who: string): ReadonlyMap<ServiceKey, NodeName> => new Map([[key("x"), nodeName(who)]]);
  const x = one("x", ["10.0.0.1"]);

  test.each(NODES)("whoever answers goes on to: %s", (who) => {
    expect(winnerOf(electionsOf({ config: sticky, incumbents: incumbents(who) }, x), "x")).toBe(who);
  });

  test("a preferred node that comes back takes nothing back, and hears why", () => {
    const preferring = config(main, l2Ad("lan", { sticky: true, prefers: { a: 10 } }));
    const fields = { config: preferring, incumbents: incumbents("b") };
    const elections = electionsOf(fields, x);
    expect(winnerOf(elections, "x")).toBe("b");
    expect(wordsOn(elections, fields, "a", "x")).toEqual([
      "Node b answers for Service default/x: it did before, and spec.sticky of an L2Advertisement leaves it there",
    ]);
  });

  test("an incumbent that may not answer any more, and one that is only remembered, count for nothing", () => {
    const plain = winnerOf(electionsOf({}, x), "x");
    const members = new Set([nodeName("a"), nodeName("b")]);
    expect(winnerOf(electionsOf({ config: sticky, incumbents: incumbents("c"), members }, x), "x")).not.toBe("c");
    expect(winnerOf(electionsOf({ config: hash, incumbents: incumbents("c") }, x), "x")).toBe(plain);
  });
});

describe("even", () => {
  const many = Array.from({ length: 30 }, (_, i) => one(`s${i}`, [`10.0.0.${i + 1}`]));
  const loads = (elections: Elections): readonly number[] =>
    NODES.map((name) => many.filter((_, i) => winnerOf(elections, `s${i}`) === name).length);

  test("thirty Services on three nodes are ten each", () => {
    expect(loads(electionsOf({ config: even }, ...many))).toEqual([10, 10, 10]);
  });

  test("preference comes before evenness: even among the most preferred", () => {
    const preferring = config(main, l2Ad("lan", { spread: "even", prefers: { a: 5, b: 5 } }));
    expect(loads(electionsOf({ config: preferring }, ...many))).toEqual([15, 15, 0]);
  });

  test("with sticky nothing moves for a node that comes; what is new goes to it", () => {
    const both = config(main, l2Ad("lan", { spread: "even", sticky: true }));
    const incumbents = new Map(
      many.slice(0, 20).map(({ service: s }, i) => [keyOfService(s), nodeName(i < 10 ? "a" : "b")]),
    );
    const elections = electionsOf({ config: both, incumbents }, ...many);
    for (const [at, who] of incumbents) expect(winnerOf(elections, at.slice("default/".length))).toBe(who);
    expect(loads(elections)).toEqual([10, 10, 10]);
  });

  test("the loser hears that it was the spread", () => {
    const elections = electionsOf({ config: even }, ...many);
    const loser = known(NODES.find((name) => name !== winnerOf(elections, "s0")));
    expect(wordsOn(elections, { config: even }, loser, "s0")[0]).toContain("spec.spread of an L2Advertisement is Even");
  });
});

function outcomeOf(elections: Elections, name: string): readonly unknown[] {
  const survey = elections.survey(key(name));
  return survey?.type === "surveyed" ? [survey.winner, survey.electedBy, survey.electionAddress] : [];
}

type Known = Map<ServiceKey, ServiceState>;

function apply(elections: Elections, now: Known, at: ServiceKey, what?: ServiceState): readonly ServiceKey[] {
  if (what === undefined) {
    now.delete(at);
    return elections.remove(at);
  }
  now.set(at, what);
  return elections.put(what);
}

test("whatever comes, changes and goes: the same as all at once, and every Service with another winner is told", () => {
  const names = ["p", "q", "r", "s", "t"];
  const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1"];
  const state = fc
    .record({
      name: fc.constantFrom(...names),
      ips: fc.subarray(ips, { minLength: 1, maxLength: 2 }),
      on: fc.subarray(NODES),
      isLocal: fc.boolean(),
      app: fc.constantFrom("even", "hash", "sticky"),
    })
    .map(({ name, ips: has, on: where, isLocal, app }) =>
      one(name, has, on(...where), { labels: { app }, spec: { type: "LoadBalancer", ...(isLocal ? local : {}) } }),
    );
  const ad = (name: string, fields: object) => l2Ad(name, { serviceSelectors: [labels({ app: name })], ...fields });
  const cfg = config(main, ad("even", { spread: "even" }), ad("sticky", { sticky: true }), ad("hash", {}));
  const fields = { config: cfg, incumbents: new Map(names.map((name) => [key(name), nodeName("b")])) };
  // The two share an address, and vote by the other one from then on: the first must leave the spread.
  const outvoted = [
    one("p", ["2001:db8::1"], on("b"), { labels: { app: "even" }, spec: { type: "LoadBalancer", ...local } }),
    one("r", ["10.0.0.1", "2001:db8::1"], on("a"), {
      labels: { app: "even" },
      spec: { type: "LoadBalancer", ...local },
    }),
  ];
  const change = fc.oneof(state, fc.constantFrom(...names));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 25 }), (changes) => {
      const elections = electionsOf(fields);
      const now = new Map<ServiceKey, ServiceState>();
      for (const what of changes) {
        const before = new Map(names.map((name) => [name, winnerOf(elections, name)]));
        const at = typeof what === "string" ? key(what) : keyOfService(what.service);
        const told = apply(elections, now, at, typeof what === "string" ? undefined : what);
        const fresh = electionsOf(fields, ...now.values());
        for (const name of names) {
          expect(outcomeOf(elections, name)).toEqual(outcomeOf(fresh, name));
          const concerned = key(name) !== at && winnerOf(elections, name) !== before.get(name);
          expect(told.includes(key(name)) || !concerned).toBe(true);
        }
      }
    }),
    { numRuns: 500, examples: [[outvoted]] },
  );
});

test("entered bit by bit, with changes between any two steps: the same as all at once", () => {
  const input = { config: even };
  const all = Array.from({ length: 8 }, (_, i) => localOne(`s${i}`, [`10.0.0.${i + 1}`], "a", "b"));
  const before = electionsOf(input, ...all);
  for (let patience = 0; patience < 40; patience++) {
    const now = new Map(all.map((state) => [keyOfService(state.service), state]));
    const next = before.successor(prepareCluster(inputOf(input)));
    const enter = next.enter([...now.keys()], (at) => now.get(at));
    const spread = next.spread();
    for (let i = 0; i < patience; i++) if (enter.next().done === true) spread.next();
    apply(next, now, key("late"), localOne("late", ["10.0.0.99"], "a", "c"));
    apply(next, now, key("s1"), localOne("s1", ["10.0.0.2"], "c"));
    apply(next, now, key("s2"), undefined);
    for (const _ of enter);
    for (const _ of spread);
    const fresh = electionsOf(input, ...now.values());
    const names = ["late", ...all.map(({ service: { metadata } }) => metadata.name)];
    expect(names.map((name) => outcomeOf(next, name))).toEqual(names.map((name) => outcomeOf(fresh, name)));
    before.reconfigure(prepareCluster(inputOf(input)), all);
  }
});

describe("settleDuel()", () => {
  const x = one("x", ["10.0.0.1"]);
  const first = known(
    [...NODES].sort((a, b) => Buffer.compare(electionDigest(a, "10.0.0.1"), electionDigest(b, "10.0.0.1")))[0],
  );
  const duel = (self: string, rival: string, fields: Partial<ClusterInput> = {}): string => {
    const alone = { members: new Set([nodeName(self)]), ...fields };
    const cx = nodeContext(prepareCluster(inputOf(alone)), nodeName(self));
    return settleDuel(cx, electionsOf(alone, x).survey(key("x")), nodeName(rival));
  };

  test("two that take each other for dead come to one answer, with any spread", () => {
    for (const cfg of [hash, even, config(main, l2Ad("lan", { prefers: { a: 3 } }))]) {
      for (const [a, b] of [
        ["a", "b"],
        ["b", "c"],
        ["a", "c"],
      ] as const) {
        expect([duel(a, b, { config: cfg }), duel(b, a, { config: cfg })].sort()).toEqual(["keep", "yield"]);
      }
    }
  });

  test("preference goes before the digest", () => {
    const other = known(NODES.find((name) => name !== first));
    expect(duel(first, other)).toBe("keep");
    expect(duel(first, other, { config: config(main, l2Ad("lan", { prefers: { [other]: 1 } })) })).toBe("yield");
  });

  test("who lost the election by his own view yields to anybody", () => {
    const loser = known(NODES.find((name) => name !== first));
    expect(duel(loser, "c", { members: undefined })).toBe("yield");
    expect(settleDuel(nodeContext(prepareCluster(inputOf({})), nodeName("a")), undefined, nodeName("b"))).toBe("yield");
  });
});

describe("an election among many does not keep routers and the LAN waiting", () => {
  const many = Array.from({ length: 60 }, (_, i) => `n${i}`);
  const nodes = many.map((name) => node(name));
  const services = Array.from({ length: 30 }, (_, i) => one(`s${i}`, [`10.0.0.${i + 1}`]));
  const names = services.map(({ service: { metadata } }) => metadata.name);
  const fields = { nodes, config: config(main, l2Ad("lan", { prefers: { n7: 1, n8: 1, n9: 1 } }), l2Ad("all")) };
  const everyone = { nodes };

  /** As a speaker on this node holds them, with so many hashes in one call. */
  function paced(home: string, hashes: number, input: Partial<ClusterInput> = everyone): Elections {
    const cluster = prepareCluster(inputOf(input));
    const elections = new Elections(cluster, { home: nodeName(home), hashes });
    elections.reconfigure(cluster, services);
    return elections;
  }

  test("whether this node wins is known at once, and who else does later, as without a pace", () => {
    const whole = electionsOf(everyone, ...services);
    const winners = names.map((name) => winnerOf(whole, name));
    for (const home of many) {
      const elections = paced(home, 0);
      expect(names.map((name) => winnerOf(elections, name) === home)).toEqual(winners.map((winner) => winner === home));
      expect(elections.unnamed).toBe(winners.filter((winner) => winner !== home).length);
    }
  });

  test.each([
    ["preferred by none", "n3", everyone],
    ["a favourite", "n7", fields],
    ["not a favourite", "n3", fields],
  ])("a step names one winner, and no Service is told of twice: %s", (_, home, input) => {
    const bounded = paced(home, 130, input);
    const waiting = bounded.unnamed;
    // Of so many hashes some winners are known at once.
    expect(waiting).toBeLessThan(paced(home, 0, input).unnamed);
    const named: string[] = [];
    for (const keys of bounded.nameWinners()) {
      named.push(...keys);
      expect(bounded.unnamed).toBe(waiting - named.length);
    }
    expect([new Set(named).size, bounded.unnamed]).toEqual([waiting, 0]);
    const whole = electionsOf(input, ...services);
    for (const name of names) expect(bounded.survey(key(name))).toEqual(whole.survey(key(name)));
  });

  test("until it is known who, a loser says that it is another", () => {
    const elections = paced("n3", 0, fields);
    const waiting = wordsOn(elections, fields, "n3", "s0");
    expect(waiting).toEqual([
      "another node answers for Service default/s0: spec.preferredNodeSelectors give it 1 and Node n3 0",
    ]);
    expect(
      wordsOn(
        paced("n3", 0),
        everyone,
        "n3",
        known(names.find((name) => winnerOf(electionsOf(everyone, ...services), name) !== "n3")),
      )[0],
    ).toContain("another node answers");
  });

  test("a Service that comes alone has its winner at once, and one that goes waits for nobody", () => {
    const elections = paced("n3", 60);
    for (const name of names) elections.remove(key(name));
    expect(elections.unnamed).toBe(0);
    elections.put(one("late", ["10.0.1.1"]));
    expect(elections.unnamed).toBe(0);
    expect(winnerOf(elections, "late")).toBe(winnerOf(electionsOf(everyone, one("late", ["10.0.1.1"])), "late"));
  });
});
