import { beforeEach, describe, expect, test } from "vitest";
import { ensureGossipSecret } from "../../src/controller/gossip-secret.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { seconds } from "../../src/net/micros.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const REFUSED = (status: number): ApiError => new ApiError({ status, reason: "x", message: "x" });

let clock: VirtualClock;
let created: unknown[];
let failures: Error[];
let deployment: Error | undefined;

beforeEach(() => {
  clock = new VirtualClock();
  [created, failures, deployment] = [[], [], undefined];
});

function ensure(signal = new AbortController().signal, owner: string | undefined = "controller"): Promise<void> {
  const client = {
    create: <T>(_resource: unknown, body: unknown) => {
      const failure = failures.shift();
      if (failure !== undefined) return Promise.reject<T>(failure);
      created.push(body);
      return Promise.resolve() as Promise<T>;
    },
    get: <T>() =>
      deployment === undefined
        ? (Promise.resolve({ metadata: { name: "controller", uid: "u" } }) as Promise<T>)
        : Promise.reject<T>(deployment),
  };
  const ports = { client, clock, random: () => 0.5, log: silentLog, randomBytes: () => new Uint8Array(16).fill(255) };
  return ensureGossipSecret(ports, { namespace: "system", name: "memberlist", deployment: owner }, signal);
}

async function passing(time: number, done: Promise<void>): Promise<void> {
  for (let i = 0; i < time * 2; i++) {
    clock.advance(seconds(0.5));
    for (let j = 0; j < 10; j++) await Promise.resolve();
  }
  await done;
}

describe("the gossip's Secret", () => {
  test("is MetalLB's: 16 octets as unpadded base64 text, owned by the Deployment", async () => {
    await ensure();
    expect(created).toEqual([
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: "memberlist",
          namespace: "system",
          ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "controller", uid: "u" }],
        },
        type: "Opaque",
        data: { secretkey: Buffer.from("/////////////////////w").toString("base64") },
      },
    ]);
  });

  test("one that is there is left alone", async () => {
    failures = [REFUSED(409)];
    await ensure();
    expect(created).toEqual([]);
  });

  test("a Deployment that may not be read costs the owner alone", async () => {
    deployment = REFUSED(403);
    await ensure();
    expect(created).toMatchObject([{ metadata: { name: "memberlist" } }]);
    expect(JSON.stringify(created)).not.toContain("ownerReferences");
  });

  test("is tried until the API takes it, or the controller ends", async () => {
    failures = [new ApiUnreachable("no route"), REFUSED(403), REFUSED(503)];
    await passing(10, ensure());
    expect(created).toHaveLength(1);
    failures = Array.from({ length: 50 }, () => REFUSED(503));
    const stop = new AbortController();
    const ensuring = ensure(stop.signal);
    stop.abort();
    await passing(1, ensuring);
    expect(created).toHaveLength(1);
  });
});
