import { expect, test } from "vitest";
import { nodeName, peerName } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { micros, millis } from "../../src/net/micros.ts";
import type { BfdReadings } from "../../src/speaker/bfd-service.ts";
import type { SessionReading } from "../../src/speaker/session-metrics.ts";
import { registerSpeakerMetrics, type SpeakerReadings } from "../../src/speaker/speaker-metrics.ts";
import { PromMetrics } from "../../src/telemetry/prom-metrics.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

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
      opensReceived: 3,
      keepalivesSent: 5,
      keepalivesReceived: 6,
      notificationsSent: 1,
      notificationsReceived: 2,
      refreshesSent: 0,
      refreshesReceived: 0,
      flaps: { "hold-timer": 2, "received-cease-administrative-shutdown": 1 },
    },
  } as const;
  return { view, port: 179, interface: undefined, vrf: undefined, ...over };
}

function readings(over: Partial<SpeakerReadings> = {}): SpeakerReadings {
  return {
    node: "n1",
    sessions: () => [],
    decisions: () => [],
    config: () => ({ loaded: true, stale: false }),
    watches: () => [],
    queues: () => [],
    bfd: () => Promise.resolve(undefined),
    lan: () => undefined,
    layer2: () => Promise.resolve(undefined),
    gossip: () => Promise.resolve(undefined),
    ...over,
  };
}

const PORTS = { clock: new VirtualClock(), threads: () => [] };

async function scrape(over: Partial<SpeakerReadings>): Promise<string> {
  const metrics = new PromMetrics();
  registerSpeakerMetrics(metrics, readings(over), PORTS);
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

const PACKETS = {
  state: "up",
  diagnostic: "none",
  remoteState: "up",
  remoteDiagnostic: "none",
  localDiscriminator: 1,
  remoteDiscriminator: 2,
  transmitInterval: micros(300_000),
  detectionTime: micros(900_000),
  echoInterval: undefined,
  sent: 40,
  received: 38,
  echoesSent: 7,
  echoesReturned: 6,
} as const;

test("a detector is called by the address alone, as in MetalLB's FRR mode, and counts its packets", async () => {
  const up = {
    peer: address("192.0.2.2"),
    interface: undefined,
    state: "up",
    ups: 2,
    downs: 1,
    packets: PACKETS,
  } as const;
  const engine = { sessions: {}, refused: { version: 3 }, worstLateness: micros(250) };
  const bfd = (): Promise<BfdReadings> => Promise.resolve({ sessions: [up], engine });
  const text = await scrape({ bfd });
  expect(text).toContain('metallb_bfd_session_up{peer="192.0.2.2"} 1');
  expect(text).toContain('metallb_bfd_control_packet_input{peer="192.0.2.2"} 38');
  expect(text).toContain('metallb_bfd_echo_packet_output{peer="192.0.2.2"} 7');
  expect(text).toContain('metallb_bfd_session_down_events{peer="192.0.2.2"} 1');
  expect(text).toContain('herald_bfd_refused_total{reason="version"} 3');
  expect(text).toContain('herald_thread_lateness_seconds{thread="bfd"} 0.00025');
});

test("routers with one link-local address on two links are two peers", async () => {
  const [one, two] = ["eth1", "eth2"].map((name) => session("fe80::1", { interface: name }));
  if (one === undefined || two === undefined) throw new Error("no sessions");
  const text = await scrape({ sessions: () => [one, two] });
  expect(text).toContain('metallb_bgp_session_up{peer="[fe80::1%eth1]:179"} 1');
  expect(text).toContain('metallb_bgp_session_up{peer="[fe80::1%eth2]:179"} 1');
});

test("a peer in a VRF says which; all others have MetalLB's labels and no more", async () => {
  const text = await scrape({ sessions: () => [session("192.0.2.1"), session("192.0.2.1", { vrf: "red" })] });
  expect(text).toContain('metallb_bgp_session_up{peer="192.0.2.1:179"} 1');
  expect(text).toContain('metallb_bgp_session_up{peer="192.0.2.1:179",vrf="red"} 1');
});

test("messages are counted by kind and in all, and flaps by reason", async () => {
  const text = await scrape({ sessions: () => [session("192.0.2.1")] });
  expect(text).toContain('metallb_bgp_total_sent{peer="192.0.2.1:179"} 21');
  expect(text).toContain('metallb_bgp_total_received{peer="192.0.2.1:179"} 12');
  expect(text).toContain('herald_bgp_session_flaps_total{peer="192.0.2.1:179",reason="hold-timer"} 2');
});

test("a thread that is stuck hides its own numbers for a second, and nothing else", async () => {
  const clock = new VirtualClock();
  const metrics = new PromMetrics();
  const stuck = { layer2: () => new Promise<undefined>(() => {}), sessions: () => [session("192.0.2.1")] };
  registerSpeakerMetrics(metrics, readings(stuck), { clock, threads: () => [] });
  const text = metrics.text();
  clock.advance(millis(999));
  clock.advance(millis(1));
  expect(await text).toContain('metallb_bgp_session_up{peer="192.0.2.1:179"} 1');
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
  registerSpeakerMetrics(metrics, readings({ layer2 }), PORTS);
  await metrics.text();
  expect(asked).toBe(1);
  await metrics.text();
  expect(asked).toBe(2);
});
