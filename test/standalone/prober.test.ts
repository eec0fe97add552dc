import { describe, expect, test } from "vitest";
import { type Micros, millis, seconds } from "../../src/net/micros.ts";
import { Gate } from "../../src/standalone/gate.ts";
import type { HealthCheck } from "../../src/standalone/health-check.ts";
import { type CheckResult, type HealthState, UNKNOWN } from "../../src/standalone/health-state.ts";
import { keepProbing } from "../../src/standalone/prober.ts";
import { settle } from "../support/settle.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const CHECK: HealthCheck = {
  namespace: "default",
  name: "web",
  service: "web",
  probe: { type: "tcp", address: "127.0.0.1", port: 80 },
  interval: seconds(2),
  timeout: seconds(1),
  rise: 2,
  fall: 3,
};

/** A service whose answers the test gives, one by one. */
class Service {
  readonly clock = new VirtualClock();
  readonly asked: Micros[] = [];
  readonly states: HealthState["health"][] = [];
  readonly stop = new AbortController();
  open = 0;
  mostOpen = 0;
  #answers: ((result: CheckResult) => void)[] = [];

  watch(random: number, gate = new Gate(16)): void {
    const runProbe = (): Promise<CheckResult> => {
      this.asked.push(this.clock.now());
      this.open += 1;
      this.mostOpen = Math.max(this.mostOpen, this.open);
      return new Promise((resolve) => this.#answers.push(resolve));
    };
    const changed = ({ health }: HealthState): void => {
      this.states.push(health);
    };
    const ports = { clock: this.clock, random: () => random, runProbe, gate };
    void keepProbing(ports, CHECK, { from: UNKNOWN, changed }, this.stop.signal);
  }

  async answer(ok: boolean): Promise<void> {
    this.open -= 1;
    this.#answers.shift()?.(ok ? { ok } : { ok, reason: "no" });
    await settle();
  }

  async pass(time: Micros): Promise<void> {
    this.clock.advance(time);
    await settle();
  }
}

describe("a check runs", () => {
  test("at once, and then an interval after it began, not after it ended", async () => {
    const service = new Service();
    service.watch(0);
    await settle();
    await service.pass(millis(700));
    await service.answer(true);
    await service.pass(millis(1299));
    expect(service.asked).toEqual([0]);
    await service.pass(millis(1));
    expect(service.asked).toEqual([0, seconds(2)]);
  });

  test("up to a tenth sooner by chance, and never later", async () => {
    const service = new Service();
    service.watch(0.999);
    await settle();
    await service.answer(true);
    await service.pass(millis(1790));
    expect(service.asked).toHaveLength(1);
    await service.pass(millis(11));
    expect(service.asked).toHaveLength(2);
  });

  test("never twice at a time, however long it takes", async () => {
    const service = new Service();
    service.watch(0);
    await settle();
    await service.pass(seconds(60));
    expect(service.asked).toHaveLength(1);
    await service.answer(false);
    await service.pass(millis(1));
    expect(service.asked).toHaveLength(2);
  });

  test("not any more when it is stopped, and what comes late says nothing", async () => {
    const service = new Service();
    service.watch(0);
    await settle();
    service.stop.abort();
    await service.answer(true);
    await service.pass(seconds(10));
    expect(service.states).toEqual([]);
    expect(service.asked).toHaveLength(1);
  });

  test("with so many others as there is room for, and the rest wait their turn", async () => {
    const service = new Service();
    const gate = new Gate(2);
    for (let n = 0; n < 5; n++) service.watch(0, gate);
    await settle();
    for (let n = 0; n < 5; n++) await service.answer(true);
    expect(service.asked).toHaveLength(5);
    expect(service.mostOpen).toBe(2);
  });
});

test("a service that dies is unhealthy within fall times the interval", async () => {
  const service = new Service();
  service.watch(0);
  await settle();
  await service.answer(true);
  const died = service.clock.now();
  for (let n = 0; n < CHECK.fall; n++) {
    await service.pass(CHECK.interval);
    await service.answer(false);
  }
  expect(service.states.at(-1)).toBe("unhealthy");
  expect(service.clock.now() - died).toBeLessThanOrEqual(CHECK.fall * CHECK.interval);
});
