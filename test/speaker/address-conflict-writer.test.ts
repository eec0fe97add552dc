import { expect, test } from "vitest";
import type { AddressConflict } from "../../src/api/address-conflict.ts";
import { serviceKey } from "../../src/api/brands.ts";
import type { Service } from "../../src/api/core.ts";
import { seconds } from "../../src/net/micros.ts";
import { AddressConflictWriter } from "../../src/speaker/address-conflict-writer.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const WEB = serviceKey("default", "web");
const IP = "192.0.2.1";

test("two nodes that take each other for gone and contradict each other do not storm the API", async () => {
  const clock = new VirtualClock();
  const stop = new AbortController();
  const writers: AddressConflictWriter[] = [];
  let service: Service = {
    metadata: { name: "web", namespace: "default" },
    spec: {},
    status: { loadBalancer: { ingress: [{ ip: IP }] } },
  };
  let writes = 0;
  const client = {
    patch: <T>(_: unknown, __: string, patch: unknown): Promise<T> => {
      writes += 1;
      // Without a pace there would be no end to it.
      if (writes > 1000) return new Promise<T>(() => {});
      const { status } = patch as Pick<Service, "status">;
      service = { ...service, status: { ...service.status, ...status } };
      for (const writer of writers) writer.changed(WEB);
      return Promise.resolve({} as T);
    },
  };
  const node = (name: string, found: readonly AddressConflict[], answered: readonly string[]): void => {
    const ports = { client, clock, wallClock: () => new Date(0), random: () => 0.5, log: silentLog };
    const view = { found: () => found, held: () => [IP], answered: () => answered, alive: () => new Set([name]) };
    const writer = new AddressConflictWriter({ ...ports, ...view, service: () => service }, name);
    writers.push(writer);
    void writer.run(stop.signal);
  };
  node("a", [], [IP]);
  node("b", [{ address: IP, mac: "02:00:00:00:00:99", interface: "eth0", node: "b" }], []);
  for (const writer of writers) writer.changed(WEB);
  await settle(500);
  for (let second = 0; second < 10; second++) {
    clock.advance(seconds(1));
    await settle(50);
  }
  expect(writes).toBeGreaterThan(2);
  expect(writes).toBeLessThanOrEqual(2 * (20 + 10 * 5));
  stop.abort();
});
