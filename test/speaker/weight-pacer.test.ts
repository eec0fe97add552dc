import { expect, test } from "vitest";
import type { AnnouncedRoute, RouteChange } from "../../src/announcement/route-table.ts";
import { peerName } from "../../src/api/brands.ts";
import { parsePrefix } from "../../src/net/ip-prefix.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { WeightPacer } from "../../src/speaker/weight-pacer.ts";
import { known } from "../announcement/cluster.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const route = (prefix: string, linkBandwidth: number): AnnouncedRoute => ({
  peer: peerName("tor"),
  prefix: known(parsePrefix(prefix)),
  localPref: undefined,
  med: undefined,
  asPathPrepend: undefined,
  linkBandwidth,
  communities: [],
  largeCommunities: [],
  advertisements: ["ad"],
  services: [],
});
const change = (prefix: string, linkBandwidth: number): RouteChange => {
  const one = route(prefix, linkBandwidth);
  return { peer: one.peer, prefix: one.prefix, route: one };
};

function pacer(): { readonly clock: VirtualClock; readonly pace: WeightPacer; readonly told: string[] } {
  const clock = new VirtualClock();
  const told: string[] = [];
  const tell = (changes: readonly RouteChange[]): void => {
    for (const { prefix, route: one } of changes)
      told.push(`${clock.now() / 1e6} ${prefix} ${one?.linkBandwidth ?? "gone"}`);
  };
  return { clock, pace: new WeightPacer({ clock, tell }, seconds(5)), told };
}

test("a rolling Deployment of 20 pods, half a second each, on 2 routes: 4 UPDATEs for each, and the last one is right", () => {
  const { clock, pace, told } = pacer();
  const both = (weight: number): void => pace.tell(["10.0.0.1/32", "10.0.0.2/32"].map((one) => change(one, weight)));
  both(20);
  for (let pod = 0; pod < 20; pod++) {
    clock.advance(millis(250));
    both(19);
    clock.advance(millis(250));
    both(pod === 19 ? 18 : 20);
  }
  clock.advance(seconds(60));
  for (const prefix of ["10.0.0.1/32", "10.0.0.2/32"]) {
    const own = told.filter((line) => line.includes(prefix));
    expect(own.length).toBeLessThanOrEqual(4);
    expect(own.at(-1)).toMatch(/ 18$/);
  }
  expect(clock.armed).toBe(0);
});

test("routes that are due at different times are told each at its own", () => {
  const { clock, pace, told } = pacer();
  pace.tell([change("10.0.0.1/32", 1)]);
  clock.advance(seconds(1));
  pace.tell([change("10.0.0.2/32", 1)]);
  pace.tell([change("10.0.0.1/32", 2), change("10.0.0.2/32", 2)]);
  clock.advance(seconds(60));
  expect(told).toEqual(["0 10.0.0.1/32 1", "1 10.0.0.2/32 1", "5 10.0.0.1/32 2", "6 10.0.0.2/32 2"]);
});

test("a withdrawal stops the clock, and a peer that starts over has nothing to wait for", () => {
  const { clock, pace, told } = pacer();
  pace.tell([change("10.0.0.1/32", 1)]);
  pace.tell([change("10.0.0.1/32", 2)]);
  expect(clock.armed).toBe(1);
  pace.tell([{ ...change("10.0.0.1/32", 0), route: undefined }]);
  expect(clock.armed).toBe(0);
  pace.tell([change("10.0.0.1/32", 1)]);
  pace.tell([change("10.0.0.1/32", 2)]);
  expect(pace.startOver([route("10.0.0.1/32", 2)])).toHaveLength(1);
  expect(clock.armed).toBe(0);
  expect(told).toEqual(["0 10.0.0.1/32 1", "0 10.0.0.1/32 gone", "0 10.0.0.1/32 1"]);
});
