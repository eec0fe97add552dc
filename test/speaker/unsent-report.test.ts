import { describe, expect, test } from "vitest";
import { seconds } from "../../src/net/micros.ts";
import { UnsentReport } from "../../src/speaker/unsent-report.ts";
import type { Log, LogFields } from "../../src/telemetry/log.ts";
import { route } from "../bgp/values.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { open, Scene } from "./bgp-scene.ts";

function warnings(): { readonly log: Log; readonly take: () => readonly LogFields[] } {
  const lines: LogFields[] = [];
  const log: Log = { ...silentLog, warn: (_msg, fields = {}) => void lines.push(fields), child: () => log };
  return { log, take: () => lines.splice(0) };
}

const huge = (text: string) => ({
  ...route(text),
  largeCommunities: Array.from({ length: 400 }, (_, i) => ({ global: i, local1: 0, local2: 0 })),
});

describe("routes that cannot be sent", () => {
  test("are said once for a reason, and again when it comes back", () => {
    const { log, take } = warnings();
    const scene = new Scene({}, "2001:db8::9", { log }).establish();
    scene.set(route("192.0.2.1/32"));
    scene.advance(seconds(1));
    expect(take()).toEqual([]);
    scene.set(huge("192.0.2.1/32"), huge("192.0.2.2/32"));
    scene.advance(seconds(1));
    expect(take()).toEqual([{ reason: "attributes-too-large", count: 2, prefix: "192.0.2.1/32" }]);
    scene.set(huge("192.0.2.1/32"));
    scene.advance(seconds(1));
    expect(take()).toEqual([]);
    scene.set();
    scene.advance(seconds(1));
    scene.session.changeRoutes([{ prefix: route("192.0.2.3/32").prefix, route: huge("192.0.2.3/32") }]);
    scene.advance(seconds(1));
    expect(take()).toEqual([{ reason: "attributes-too-large", count: 1, prefix: "192.0.2.3/32" }]);
  });

  test("before there is a session: its beginning says it", () => {
    const { log, take } = warnings();
    const scene = new Scene({}, undefined, { log });
    scene.session.setRoutes([huge("192.0.2.1/32")]);
    scene.advance(seconds(1));
    expect(take()).toEqual([]);
    scene.establish();
    scene.advance(seconds(1));
    expect(take().map(({ reason }) => reason)).toEqual(["attributes-too-large"]);
  });

  test("are looked for again while some have not been looked at", () => {
    const { log, take } = warnings();
    const clock = new VirtualClock();
    const refused = { prefix: route("192.0.2.1/32").prefix, reason: "no-next-hop" } as const;
    const source = { notSent: [] as (typeof refused)[], pending: true };
    const report = new UnsentReport({ clock, log }, source);
    report.look();
    clock.advance(seconds(1));
    expect(take()).toEqual([]);
    source.notSent.push(refused);
    source.pending = false;
    clock.advance(seconds(1));
    expect(take()).toEqual([{ reason: "no-next-hop", count: 1, prefix: "192.0.2.1/32" }]);
    expect(clock.armed).toBe(0);
  });

  test("a session that has ended says nothing more", async () => {
    const { log, take } = warnings();
    const scene = new Scene({}, undefined, { log }).establish();
    scene.set(huge("192.0.2.1/32"));
    const stopped = scene.session.stop("enough");
    scene.advance(seconds(1));
    await stopped;
    scene.advance(seconds(1));
    expect(take()).toEqual([]);
  });
});

test("a family that the peer does not carry is named when the session comes up", () => {
  const { log, take } = warnings();
  const capabilities = { ...open.capabilities, families: [{ afi: 1, safi: 1 }] };
  new Scene({}, undefined, { log }).establish({ ...open, capabilities });
  expect(take()).toEqual([{ family: "ipv6", offered: ["ipv4", "ipv6"], common: ["ipv4"] }]);
});
