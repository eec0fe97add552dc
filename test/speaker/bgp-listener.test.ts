import { afterEach, describe, expect, it } from "vitest";
import type { PeerAs } from "../../src/bgp/negotiation-offer.ts";
import { DemoRouter } from "../../src/demo/router.ts";
import type { IpAddress } from "../../src/net/ip-address.ts";
import { BgpListener } from "../../src/speaker/bgp-listener.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemSockets } from "../../src/system/native/socket.ts";
import { dialTcp, listenTcp } from "../../src/system/tcp.ts";
import { asn, ip, prefix, route } from "../bgp/values.ts";
import { FakeNativeSockets } from "../support/fake-native-sockets.ts";
import { silentLog } from "../support/silent-log.ts";

// Real sockets on loopback: this is the contract of system/tcp.ts as much as of the listener.

const running: { stop(reason: string): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop("the test is over")));
});

function session(config: Partial<BgpSessionConfig> & { readonly peerAddress: IpAddress }): BgpSession {
  const made = new BgpSession(
    { clock: systemClock, random: () => 0, dial: dialTcp, log: silentLog },
    {
      name: `${config.peerAddress}`,
      localAsn: asn(64512),
      peerAsn: "external",
      nodeName: "node1",
      families: new Set([4, 6] as const),
      holdTime: 3,
      ...config,
    },
  );
  running.push(made);
  return made;
}

async function router(address: string, peerAsn: PeerAs = "external"): Promise<{ listener: BgpListener; port: number }> {
  const listener = new BgpListener(
    { listen: listenTcp, log: silentLog },
    {
      prefixes: [prefix("127.0.0.0/8"), prefix("::1/128")],
      create: (peerAddress) =>
        session({ peerAddress, localAsn: asn(65000), peerAsn, passive: true, nodeName: "router" }),
    },
  );
  const port = await listener.start(ip(address), 0);
  running.unshift(listener);
  return { listener, port };
}

const until = (one: BgpSession, state: string): Promise<void> =>
  new Promise((resolve) => {
    if (one.view.state === state) resolve();
    const stop = one.onChange((view) => {
      if (view.state !== state) return;
      stop();
      resolve();
    });
  });

const learned = async (listener: BgpListener, count: number): Promise<readonly string[]> => {
  for (;;) {
    const routes = listener.dynamicSessions.flatMap((one) => [...one.learned].map((r) => `${r.prefix} ${r.nextHop}`));
    if (routes.length === count) return routes;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

describe("a listener with dynamic peers, and speakers that dial it", () => {
  it("learns each speaker's routes, and loses those of one that stops", async () => {
    const { listener, port } = await router("127.0.0.1");
    const speakers = ["127.0.0.2", "127.0.0.3"].map((address) =>
      session({ peerAddress: ip("127.0.0.1"), peerPort: port, localAddress: ip(address) }),
    );
    for (const speaker of speakers) {
      speaker.setRoutes([route("192.0.2.1/32")]);
      speaker.start();
    }
    expect([...(await learned(listener, 2))].sort()).toEqual(["192.0.2.1/32 127.0.0.2", "192.0.2.1/32 127.0.0.3"]);
    await speakers[0]?.stop("drained");
    expect(await learned(listener, 1)).toEqual(["192.0.2.1/32 127.0.0.3"]);
    const lost = listener.dynamicSessions.find((one) => `${one.config.peerAddress}` === "127.0.0.2");
    expect(lost?.view).toMatchObject({
      state: "active",
      lastError: 'received Cease/Administrative Shutdown (6/2): "drained"',
    });
  });

  it("speaks over IPv6, both families", async () => {
    const { listener, port } = await router("::1");
    const speaker = session({ peerAddress: ip("::1"), peerPort: port });
    speaker.setRoutes([route("2001:db8::1/128"), route("192.0.2.1/32")]);
    speaker.start();
    // RFC 8950: IPv4 routes too, with the only address there is.
    expect([...(await learned(listener, 2))].sort()).toEqual(["192.0.2.1/32 ::1", "2001:db8::1/128 ::1"]);
  });

  it("says which routes it has no next hop for, when the router takes none of another family", async () => {
    const { listener, port } = await router("::1");
    const speaker = session({ peerAddress: ip("::1"), peerPort: port, denied: ["extendedNextHop"] });
    speaker.setRoutes([route("2001:db8::1/128"), route("192.0.2.1/32")]);
    speaker.start();
    expect(await learned(listener, 1)).toEqual(["2001:db8::1/128 ::1"]);
    expect(speaker.view.routesNotSent).toEqual([{ prefix: prefix("192.0.2.1/32"), reason: "no-next-hop" }]);
  });

  it("tells a speaker of the wrong AS so", async () => {
    const { port } = await router("127.0.0.1", asn(65009));
    const speaker = session({ peerAddress: ip("127.0.0.1"), peerPort: port });
    speaker.start();
    await until(speaker, "idle");
    expect(speaker.view.lastError).toBe("received OPEN Message Error/Bad Peer AS (2/2)");
  });

  it("turns away who is neither known nor in a prefix", async () => {
    const listener = new BgpListener({ listen: listenTcp, log: silentLog });
    const port = await listener.start(ip("127.0.0.1"), 0);
    running.unshift(listener);
    const speaker = session({ peerAddress: ip("127.0.0.1"), peerPort: port });
    speaker.start();
    await until(speaker, "idle");
    expect(listener.dynamicSessions).toEqual([]);
  });

  it("gives a known peer's connection to its session, until that is removed", async () => {
    const listener = new BgpListener({ listen: listenTcp, log: silentLog });
    const port = await listener.start(undefined, 0);
    running.unshift(listener);
    const known = session({ peerAddress: ip("127.0.0.2"), localAsn: asn(65000), passive: true });
    known.start();
    listener.add(known);
    const speaker = session({ peerAddress: ip("127.0.0.1"), peerPort: port, localAddress: ip("127.0.0.2") });
    speaker.start();
    await Promise.all([until(known, "established"), until(speaker, "established")]);
    listener.remove(known);
    await known.stop("removed");
    await until(speaker, "idle");
  });

  it("two that dial each other end with one session", async () => {
    const pair = ["127.0.0.2", "127.0.0.3"] as const;
    const listeners = await Promise.all(
      pair.map(async (address) => {
        const listener = new BgpListener({ listen: listenTcp, log: silentLog });
        running.unshift(listener);
        return { listener, port: await listener.start(ip(address), 0) };
      }),
    );
    const sessions = pair.map((address, i) => {
      const other = 1 - i;
      return session({
        localAddress: ip(address),
        peerAddress: ip(pair[other] ?? ""),
        peerPort: listeners[other]?.port ?? 0,
        localAsn: asn(64512 + i),
      });
    });
    for (const [i, one] of sessions.entries()) listeners[i]?.listener.add(one);
    for (const one of sessions) one.start();
    await Promise.all(sessions.map((one) => until(one, "established")));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sessions.map((one) => one.view.state)).toEqual(["established", "established"]);
  });
});

describe("dialTcp()", () => {
  it("says why there is no connection", async () => {
    const listener = await listenTcp({ address: ip("127.0.0.1"), port: 0 }, () => {});
    await listener.close();
    const reason = await new Promise<string>((resolve) => {
      dialTcp(
        { address: ip("127.0.0.1"), port: listener.port },
        { connected: () => resolve("connected"), failed: resolve },
      );
    });
    expect(reason).toContain("ECONNREFUSED");
  });

  it("says nothing after it was aborted", async () => {
    let said = 0;
    const target = { address: ip("127.0.0.1"), port: 1 };
    dialTcp(target, { connected: () => said++, failed: () => said++ }).abort();
    await new Promise<void>((resolve) => {
      dialTcp(target, { connected: () => resolve(), failed: () => resolve() });
    });
    expect(said).toBe(0);
  });
});

describe("a port that is taken", () => {
  it.each([
    ["with the native layer, where there is one", () => systemSockets],
    ["without it", () => Object.assign(new FakeNativeSockets(), { available: false })],
  ])("is refused by name and place %s", async (_name, sockets) => {
    const first = await listenTcp({ address: ip("127.0.0.1"), port: 0 }, () => {}, sockets());
    await expect(listenTcp({ address: ip("127.0.0.1"), port: first.port }, () => {}, sockets())).rejects.toMatchObject({
      code: "ERR_SYSTEM_LISTEN_REFUSED",
      errno: "EADDRINUSE",
      message: expect.stringContaining(`cannot listen on 127.0.0.1 port ${first.port}: `),
    });
    await first.close();
  });

  it("is no matter to a demo beside another: its router takes the next one", async () => {
    const ports = { clock: systemClock, random: () => 0, log: silentLog };
    const routers = [new DemoRouter(ports), new DemoRouter(ports)];
    const taken: number[] = [];
    for (const one of routers) taken.push(await one.start());
    for (const one of routers) await one.stop();
    expect(new Set(taken).size).toBe(2);
  });
});
