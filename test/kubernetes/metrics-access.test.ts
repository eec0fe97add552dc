import { describe, expect, test } from "vitest";
import type { KubernetesClient } from "../../src/kubernetes/client.ts";
import { ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { MetricsAccess } from "../../src/kubernetes/metrics-access.ts";
import { seconds } from "../../src/net/micros.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

interface Scene {
  readonly access: MetricsAccess;
  readonly clock: VirtualClock;
  /** What was asked of the API, in order. */
  readonly asked: { readonly kind: string; readonly spec: Readonly<Record<string, unknown>> }[];
  tokens: Readonly<Record<string, { readonly user: string; readonly allowed: boolean } | undefined>>;
  api: "up" | "away" | "silent";
}

const ALLOWED = { user: "prometheus", allowed: true };
const range = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);

function scene(): Scene {
  const clock = new VirtualClock();
  const asked: Scene["asked"] = [];
  const create = (_resource: unknown, body: unknown): Promise<unknown> => {
    const { kind, spec } = body as Scene["asked"][number];
    asked.push({ kind, spec });
    if (here.api === "away") return Promise.reject(new ApiUnreachable("nobody answers"));
    if (here.api === "silent") return new Promise(() => {});
    if (kind === "TokenReview") {
      const known = here.tokens[String(spec["token"])];
      const user = { username: known?.user, groups: ["system:authenticated"] };
      return Promise.resolve({ status: known === undefined ? { error: "invalid" } : { authenticated: true, user } });
    }
    const allowed = Object.values(here.tokens).some((one) => one?.user === spec["user"] && one?.allowed);
    return Promise.resolve({ status: { allowed } });
  };
  const client = { create: create as KubernetesClient["create"] };
  const access = new MetricsAccess({ client, clock, log: silentLog });
  const here: Scene = { access, clock, asked, api: "up", tokens: {} };
  here.tokens = { good: { user: "prometheus", allowed: true }, poor: { user: "stranger", allowed: false } };
  return here;
}

describe("who may read metrics", () => {
  test.each([
    ["a token the API knows, whose bearer may", "good", "allowed"],
    ["a token the API knows, whose bearer may not", "poor", "forbidden"],
    ["a token the API does not know", "bad", "unauthenticated"],
  ])("%s", async (_name, token, verdict) => expect(await scene().access.verdict(token)).toBe(verdict));

  test("the API is asked for exactly what is wanted: GET /metrics, for the bearer and his groups", async () => {
    const { access, asked } = scene();
    await access.verdict("good");
    expect(asked.map(({ kind }) => kind)).toEqual(["TokenReview", "SubjectAccessReview"]);
    expect(asked[1]?.spec).toMatchObject({
      user: "prometheus",
      groups: ["system:authenticated"],
      nonResourceAttributes: { path: "/metrics", verb: "get" },
    });
  });

  test.each([
    ["an answer without a status", {}],
    ["a status that is no object", { status: "authenticated" }],
    ["authenticated as a text", { status: { authenticated: "true", user: { username: "x" } } }],
    ["authenticated, and nobody named", { status: { authenticated: true } }],
  ])("%s lets nobody in", async (_name, answer) => {
    const client = { create: (() => Promise.resolve(answer)) as KubernetesClient["create"] };
    const access = new MetricsAccess({ client, clock: new VirtualClock(), log: silentLog });
    expect(await access.verdict("good")).toBe("unauthenticated");
  });
});

describe("verdicts are kept for a while", () => {
  test("a good one for a minute: a right that is taken away ends then", async () => {
    const here = scene();
    await here.access.verdict("good");
    here.tokens = {};
    here.clock.advance(seconds(59));
    expect(await here.access.verdict("good")).toBe("allowed");
    here.clock.advance(seconds(1));
    expect(await here.access.verdict("good")).toBe("unauthenticated");
  });

  test("a bad one for ten seconds: a right that is given shows soon", async () => {
    const here = scene();
    await here.access.verdict("poor");
    here.tokens = { poor: { user: "stranger", allowed: true } };
    expect(await here.access.verdict("poor")).toBe("forbidden");
    here.clock.advance(seconds(10));
    expect(await here.access.verdict("poor")).toBe("allowed");
  });

  test("who asks while the API is being asked waits for that answer", async () => {
    const { access, asked } = scene();
    expect(await Promise.all([access.verdict("good"), access.verdict("good")])).toEqual(["allowed", "allowed"]);
    expect(asked).toHaveLength(2);
  });
});

describe("a flood of made-up tokens", () => {
  test("is no flood of questions: four at once, and no more than one a second after the first twenty", async () => {
    const silent = scene();
    silent.api = "silent";
    for (let n = 0; n < 4; n++) void silent.access.verdict(`bad-${n}`);
    expect(await silent.access.verdict("another")).toBe("unavailable");
    expect(silent.asked).toHaveLength(4);
    const here = scene();
    for (let n = 0; n < 100; n++) await here.access.verdict(`bad-${n}`);
    expect(here.asked).toHaveLength(20);
    expect(await here.access.verdict("bad-20")).toBe("unavailable");
    here.clock.advance(seconds(2));
    for (let n = 0; n < 100; n++) await here.access.verdict(`worse-${n}`);
    expect(here.asked).toHaveLength(22);
  });

  test("does not push out who was let in: he is let in while the API is away", async () => {
    const here = scene();
    await here.access.verdict("good");
    for (let n = 0; n < 200; n++) {
      await here.access.verdict(`bad-${n}`);
      here.clock.advance(seconds(1));
    }
    here.api = "away";
    expect(await here.access.verdict("good")).toBe("allowed");
  });

  test("takes no place from who was let in: the API is asked again for him, and what it says counts", async () => {
    const here = scene();
    await here.access.verdict("good");
    here.api = "silent";
    for (let n = 0; n < 40; n++) void here.access.verdict(`bad-${n}`);
    here.clock.advance(seconds(60));
    here.api = "up";
    here.tokens = { good: { user: "prometheus", allowed: false } };
    expect(await here.access.verdict("good")).toBe("forbidden");
  });

  test("the refused are forgotten, the oldest first, and so are those let in long ago", async () => {
    const here = scene();
    here.tokens = { ...here.tokens, ...Object.fromEntries(range(40).map((n) => [`good-${n}`, ALLOWED])) };
    for (const n of range(40)) {
      await here.access.verdict(`good-${n}`);
      here.clock.advance(seconds(1));
    }
    here.api = "away";
    expect(await here.access.verdict("good-0")).toBe("unavailable");
    expect(await here.access.verdict("good-39")).toBe("allowed");
  });
});

describe("while the API is away", () => {
  test("nobody is let in whom it has not vouched for", async () => {
    const here = scene();
    here.api = "away";
    expect(await here.access.verdict("good")).toBe("unavailable");
    await here.access.verdict("poor");
    expect(await here.access.verdict("poor")).toBe("unavailable");
  });

  test("who was let in before is let in for a quarter of an hour, and then no more", async () => {
    const here = scene();
    await here.access.verdict("good");
    here.api = "away";
    here.clock.advance(seconds(899));
    expect(await here.access.verdict("good")).toBe("allowed");
    here.clock.advance(seconds(1));
    expect(await here.access.verdict("good")).toBe("unavailable");
  });

  test("who was refused before is not let in, and nothing that failed is remembered", async () => {
    const here = scene();
    await here.access.verdict("poor");
    here.api = "away";
    here.clock.advance(seconds(10));
    expect(await here.access.verdict("poor")).toBe("unavailable");
    expect(await here.access.verdict("good")).toBe("unavailable");
    here.api = "up";
    expect(await here.access.verdict("good")).toBe("allowed");
  });
});
