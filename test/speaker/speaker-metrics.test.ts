import { expect, test } from "vitest";
import { nodeName, peerName } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { micros } from "../../src/net/micros.ts";
import {
  registerSpeakerMetrics,
  type SessionReading,
  type SpeakerReadings,
} from "../../src/speaker/speaker-metrics.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";

const WEB = "shop/web" as ServiceKey;

function address(text: string): NonNullable<ReturnType<typeof parseIpAddress>> {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

function session(peer: string, over: Partial<SessionReading> = {}): SessionReading {
  const view = {
    name: "tor",
    state: "established",
    since: micros(0),
    inState: micros(0),
    peerAddress: address(peer),
    localAddress: undefined,
    negotiated: undefined,
    routesSent: 7,
    routesNotSent: [],
    routesLearned: 2,
    lastError: undefined,
    counters: {
      established: 3,
      updatesSent: 11,
      updatesReceived: 1,
      opensSent: 4,
      keepalivesSent: 5,
      notificationsSent: 1,
    },
  } as const;
  return { view, port: 179, interface: undefined, bfd: undefined, ...over };
}

function readings(over: Partial<SpeakerReadings> = {}): SpeakerReadings {
  return {
    node: "n1",
    sessions: () => [],
    decisions: () => [],
    config: () => ({ loaded: true, stale: false }),
    watches: () => [],
    layer2: () => Promise.resolve(undefined),
    gossip: () => Promise.resolve(undefined),
    ...over,
  };
}

async function scrape(over: Partial<SpeakerReadings>): Promise<string> {
  const metrics = new PromMetrics();
  registerSpeakerMetrics(metrics, readings(over));
  return metrics.text();
}

test("a session is called ip:port, as MetalLB's alerts expect, an IPv6 one with brackets", async () => {
  const text = await scrape({ sessions: () => [session("192.0.2.1"), session("2001:db8::1", { port: 1790 })] });
  expect(text).toContain('metallb_bgp_session_up{peer="192.0.2.1:179"} 1');
  expect(text).toContain('metallb_bgp_session_up{peer="[2001:db8::1]:1790"} 1');
  expect(text).toContain('metallb_bgp_announced_prefixes_total{peer="192.0.2.1:179"} 7');
  expect(text).toContain('metallb_bgp_updates_total{peer="192.0.2.1:179"} 11');
});

test("a session that is down is still there, as 0: an alert needs the series", async () => {
  const down = session("192.0.2.1");
  const text = await scrape({ sessions: () => [{ ...down, view: { ...down.view, state: "active" } }] });
  expect(text).toContain('metallb_bgp_session_up{peer="192.0.2.1:179"} 0');
});

test("only sessions with BFD have a series of BFD", async () => {
  const text = await scrape({ sessions: () => [session("192.0.2.1"), session("192.0.2.2", { bfd: "up" })] });
  expect(text).toContain('metallb_bfd_session_up{peer="192.0.2.2:179"} 1');
  expect(text).not.toContain('metallb_bfd_session_up{peer="192.0.2.1:179"}');
});

test("what is announced says by which protocol, and what is not says why", async () => {
  const layer2 = {
    service: WEB,
    ip: address("192.0.2.80"),
    interfaces: [],
    advertisements: [],
    refresh: micros(0),
    conflictDetection: true,
  };
  const refusal = {
    service: WEB,
    ip: "192.0.2.80",
    protocol: "bgp",
    cause: { reason: "no-matching-peer", node: nodeName("n1"), advertisements: [] },
  } as const;
  const text = await scrape({ decisions: () => [{ key: WEB, bgp: [], layer2: [layer2], refusals: [refusal] }] });
  expect(text).toContain('metallb_speaker_announced{service="shop/web",protocol="layer2",node="n1",ip="192.0.2.80"} 1');
  expect(text).toContain('herald_speaker_refused{protocol="bgp",reason="no-matching-peer"} 1');
});

test("answers at layer 2 are counted per address; a node without an engine has none", async () => {
  const held = {
    ip: "192.0.2.80",
    state: "holding",
    since: micros(0),
    requests: 5,
    answers: 4,
    gratuitous: 12,
    conflicts: 1,
    interfaces: ["eth0"],
  } as const;
  const inspection = {
    addresses: [held],
    interfaces: [],
    dropped: { malformed: 3 },
    sendFailures: 0,
    worstLateness: micros(0),
    fenced: true,
  };
  const text = await scrape({ layer2: () => Promise.resolve(inspection) });
  expect(text).toContain('metallb_layer2_requests_received{ip="192.0.2.80"} 5');
  expect(text).toContain('metallb_layer2_responses_sent{ip="192.0.2.80"} 4');
  expect(text).toContain('metallb_layer2_gratuitous_sent{ip="192.0.2.80"} 12');
  expect(text).toContain('herald_layer2_dropped_total{reason="malformed"} 3');
  expect(text).toContain("herald_layer2_fenced 1");
  expect(await scrape({})).not.toContain("metallb_layer2_requests_received{");
});

test("the peer's name is the interface while an unnumbered router was not found", async () => {
  const unseen = session("192.0.2.1", { interface: "eth1" });
  const view = { ...unseen.view, name: peerName("tor"), peerAddress: undefined, state: "idle" as const };
  expect(await scrape({ sessions: () => [{ ...unseen, view }] })).toContain('metallb_bgp_session_up{peer="eth1"} 0');
});

test("one scrape asks the thread once, however many metrics it is for; the next one asks again", async () => {
  const metrics = new PromMetrics();
  let asked = 0;
  const layer2 = (): Promise<undefined> => {
    asked += 1;
    return Promise.resolve(undefined);
  };
  registerSpeakerMetrics(metrics, readings({ layer2 }));
  await metrics.text();
  expect(asked).toBe(1);
  await metrics.text();
  expect(asked).toBe(2);
});
