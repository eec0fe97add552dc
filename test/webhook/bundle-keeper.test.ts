import { beforeAll, describe, expect, test } from "vitest";
import type { Page, WatchEvent } from "../../src/kubernetes/client.ts";
import type { Resource } from "../../src/kubernetes/resource.ts";
import { seconds } from "../../src/net/micros.ts";
import { makeAuthority } from "../../src/system/certificates.ts";
import { BundleKeeper, type BundleKeeperPorts } from "../../src/webhook/bundle-keeper.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const client = { service: { namespace: "ns", name: "svc", path: "/x" } };
const OBJECTS: Readonly<Record<string, object>> = {
  validatingwebhookconfigurations: {
    metadata: { name: "c", resourceVersion: "1" },
    webhooks: [{ name: "w", clientConfig: client }],
  },
  customresourcedefinitions: {
    metadata: { name: "d", resourceVersion: "1" },
    spec: { conversion: { strategy: "Webhook", webhook: { clientConfig: client } } },
  },
};

async function* list<T>(object: object | undefined): AsyncGenerator<Page<T>, void> {
  const items: T[] = JSON.parse(JSON.stringify([object]));
  yield await Promise.resolve({ items, resourceVersion: "1", first: true });
}

async function* silence(signal: AbortSignal | undefined): AsyncGenerator<WatchEvent, void> {
  yield { type: "BOOKMARK", object: { metadata: { resourceVersion: "1" } } };
  await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
}

describe("what the API server is told, and somebody always takes away again", () => {
  let authority = "";
  beforeAll(async () => {
    authority = (await makeAuthority({ now: new Date(), name: "svc-ca" })).certificate;
  });

  test("is told at once at first, later once a minute in each place, and never more rarely", async () => {
    const clock = new VirtualClock();
    const stop = new AbortController();
    const told: { readonly plural: string; readonly at: number }[] = [];
    const api: BundleKeeperPorts["client"] = {
      pages: <T>(resource: Resource) => list<T>(OBJECTS[resource.plural]),
      watch: (_resource, { signal }) => silence(signal),
      // It is gone again when the watch comes: nothing is ever seen of the write.
      patch: async ({ plural }: Resource): Promise<never> => {
        told.push({ plural, at: clock.now() });
        return await Promise.resolve({} as never);
      },
    };
    const ports = { client: api, clock, random: () => 0.5, log: silentLog };
    const service = { namespace: "ns", name: "svc", port: 443, convertPath: "/convert" };
    const keeper = new BundleKeeper(
      { ...ports, readAuthorities: () => Promise.resolve(authority) },
      { service, webhooks: "c", definition: "d" },
    );
    keeper.want(authority);
    const running = keeper.run(stop.signal);
    for (let left = 3600; left > 0; left--) {
      await settle();
      clock.advance(seconds(1));
    }
    for (const plural of Object.keys(OBJECTS)) {
      const times = told.filter((one) => one.plural === plural).map(({ at }) => at);
      const pauses = times.slice(1).map((at, i) => (at - (times[i] ?? 0)) / seconds(1));
      expect(pauses.slice(0, 3).every((pause) => pause <= 3)).toBe(true);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(62);
      expect(times.length).toBeLessThan(70);
    }
    stop.abort();
    await running;
  });
});
