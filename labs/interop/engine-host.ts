import { parseCommunity, parseLargeCommunity } from "../../src/net/community.ts";
import type { Route } from "../../src/bgp/route.ts";
import { type Asn, asnFromNumber } from "../../src/net/asn.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { type IpPrefix, parsePrefix } from "../../src/net/ip-prefix.ts";
import { BgpListener } from "../../src/speaker/bgp-listener.ts";
import type { BgpPorts } from "../../src/speaker/bgp-ports.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { systemClock } from "../../src/system/clock.ts";
import { addressBeside } from "../../src/system/next-hop.ts";
import { systemRandom } from "../../src/system/random.ts";
import { dialTcp, listenTcp } from "../../src/system/tcp.ts";
import { pinoLog } from "../../src/telemetry/pino-log.ts";
import { HERALD } from "./addresses.ts";
import { InteropError } from "./errors.ts";
import type { Request, RouteSpec, SessionSeen, SessionSpec } from "./protocol.ts";

const STDERR = 2;
const BGP_PORT = 179;

/** The engine's sessions and its listener, as the requests of the suite make them. */
export class EngineHost {
  readonly #log = pinoLog("all", { component: "interop" }, STDERR);
  readonly #ports: BgpPorts = {
    clock: systemClock,
    random: systemRandom,
    dial: dialTcp,
    log: this.#log,
    nextHopFor: (family, local) => addressBeside(local, family),
  };
  readonly #sessions = new Map<string, BgpSession>();
  readonly #reasons = new Map<BgpSession, string[]>();
  readonly #listener = new BgpListener({ listen: listenTcp, log: this.#log });

  /** Does what is asked; the answer goes back as JSON. @throws InteropError when it makes no sense. */
  async perform(request: Request): Promise<unknown> {
    switch (request.do) {
      case "open":
        return this.#open(request.session);
      case "listen":
        return await this.#listener.start(undefined, BGP_PORT);
      case "routes":
        return this.#session(request.name).setRoutes(request.routes.map(routeOf));
      case "change": {
        const gone = request.gone.map((prefix) => ({ prefix: prefixOf(prefix), route: undefined }));
        const there = request.routes.map(routeOf).map((route) => ({ prefix: route.prefix, route }));
        return this.#session(request.name).changeRoutes([...gone, ...there]);
      }
      case "view":
        return this.#seen(this.#session(request.name));
      case "stop":
        return await this.#session(request.name).stop(request.reason);
    }
  }

  async stopAll(reason: string): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.stop(reason)));
  }

  #open(spec: SessionSpec): void {
    const session = new BgpSession(this.#ports, configOf(spec));
    this.#sessions.set(spec.name, session);
    this.#listener.add(session);
    const reasons: string[] = [];
    this.#reasons.set(session, reasons);
    session.onChange(({ lastError }) => {
      if (lastError !== undefined && lastError !== reasons.at(-1)) reasons.push(lastError);
    });
    session.start();
  }

  #session(name: string): BgpSession {
    const session = this.#sessions.get(name);
    if (session === undefined) throw new InteropError(`no session ${name}`);
    return session;
  }

  #seen(session: BgpSession): SessionSeen {
    const { state, negotiated, lastError, counters, routesSent, routesNotSent } = session.view;
    return {
      state,
      families: negotiated?.families ?? [],
      fourOctetAsn: negotiated?.fourOctetAsn ?? false,
      holdTime: negotiated?.holdTime ?? 0,
      lastError: lastError ?? "",
      reasons: this.#reasons.get(session) ?? [],
      established: counters.established,
      routesSent,
      notSent: routesNotSent.map(({ prefix, reason }) => ({ prefix: `${prefix}`, reason })),
      learned: [...session.learned].map(({ prefix }) => `${prefix}`).toSorted(),
      bfd: "",
    };
  }
}

function configOf(spec: SessionSpec): BgpSessionConfig {
  return {
    name: spec.name,
    nodeName: "interop",
    localAsn: asnOf(spec.localAsn),
    peerAsn: asnOf(spec.peerAsn),
    peerAddress: addressOf(spec.peerAddress ?? ""),
    ...(spec.localAddress === undefined ? {} : { localAddress: addressOf(spec.localAddress) }),
    routerId: addressOf(spec.routerId ?? HERALD[4][0]),
    holdTime: spec.holdTime,
    connectTime: 2,
    families: new Set(spec.families),
    passive: spec.passive,
  };
}

function routeOf(spec: RouteSpec): Route {
  return {
    prefix: prefixOf(spec.prefix),
    localPref: spec.localPref,
    communities: (spec.communities ?? []).flatMap((text) => parseCommunity(text) ?? []),
    largeCommunities: (spec.large ?? []).flatMap((text) => parseLargeCommunity(`large:${text}`) ?? []),
    med: spec.med,
    asPathPrepend: spec.prepend,
    linkBandwidth: spec.bandwidth,
  };
}

function prefixOf(text: string): IpPrefix {
  return parsePrefix(text) ?? wrong(`${text} is no prefix`);
}

function addressOf(text: string): IpAddress {
  return parseIpAddress(text) ?? wrong(`${text} is no address`);
}

function asnOf(n: number): Asn {
  return asnFromNumber(n) ?? wrong(`${n} is no ASN`);
}

function wrong(what: string): never {
  throw new InteropError(what);
}
