import type { BfdProfile } from "../../src/api/config.ts";
import type { Route } from "../../src/bgp/route.ts";
import { type Asn, asnFromNumber } from "../../src/net/asn.ts";
import { parseCommunity, parseLargeCommunity } from "../../src/net/community.ts";
import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { type IpPrefix, parsePrefix } from "../../src/net/ip-prefix.ts";
import { guardBgp } from "../../src/speaker/bfd-guard.ts";
import { type BfdHandle, BfdService } from "../../src/speaker/bfd-service.ts";
import { startThread } from "../../src/speaker/bfd-thread.ts";
import { BgpListener } from "../../src/speaker/bgp-listener.ts";
import type { BgpPorts } from "../../src/speaker/bgp-ports.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { type BgpSystem, bgpSystem } from "../../src/speaker/bgp-system.ts";
import { systemClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { pinoLog } from "../../src/telemetry/pino-log.ts";
import { HERALD } from "./addresses.ts";
import { InteropError } from "./errors.ts";
import type { Goodbye, Request, RouteSpec, SessionSeen, SessionSpec } from "./protocol.ts";

const STDERR = 2;
const BGP_PORT = 179;

/** A session with what belongs to it. */
interface Hosted {
  readonly session: BgpSession;
  /** Why each attempt or session ended. */
  readonly reasons: string[];
  readonly bfd: BfdHandle | undefined;
}

/** The engine's sessions and its listener, as the requests of the suite make them. */
export class EngineHost {
  readonly #log = pinoLog("all", { component: "interop" }, STDERR);
  readonly #base = { clock: systemClock, random: systemRandom, log: this.#log };
  readonly #system: BgpSystem;
  readonly #ports: BgpPorts;
  readonly #bfd = new BfdService({ ...this.#base, start: startThread });
  readonly #sessions = new Map<string, Hosted>();
  readonly #listener: BgpListener;

  /** @param stateDir where a restart is remembered */
  constructor(stateDir: string | undefined) {
    this.#system = bgpSystem(this.#base, { stateDir });
    this.#ports = { ...this.#base, ...this.#system.ports };
    const { listen } = this.#system.ports;
    this.#listener = new BgpListener({ listen, log: this.#log, native: this.#system.facts.native });
  }

  /** Does what is asked; the answer goes back as JSON. @throws InteropError when it makes no sense. */
  async perform(request: Request): Promise<unknown> {
    switch (request.do) {
      case "open":
        return this.#open(request.session, request.routes);
      case "listen":
        return await this.#listener.start(undefined, BGP_PORT);
      case "routes":
        return this.#hosted(request.name).session.setRoutes(request.routes.map(routeOf));
      case "change": {
        const gone = request.gone.map((prefix) => ({ prefix: prefixOf(prefix), route: undefined }));
        const there = request.routes.map(routeOf).map((route) => ({ prefix: route.prefix, route }));
        return this.#hosted(request.name).session.changeRoutes([...gone, ...there]);
      }
      case "rekey": {
        const { session } = this.#hosted(request.name);
        session.setPassword(request.password);
        return this.#listener.rekey(session);
      }
      case "view":
        return seen(this.#hosted(request.name));
      case "stop":
        return await this.stopAll(request.reason, request.goodbye);
    }
  }

  /** As the speaker does: BGP first, so that no router takes the end of BFD for the end of the path. */
  async stopAll(reason: string, goodbye: Goodbye = "shutdown"): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(({ session }) => session.stop(reason, goodbye)));
    await this.#bfd.stop();
  }

  #open(spec: SessionSpec, routes: readonly RouteSpec[]): void {
    const session = new BgpSession(this.#ports, configOf(spec));
    const reasons: string[] = [];
    session.onChange(({ state, lastError }) => {
      if (lastError !== undefined && (state === "idle" || state === "active")) reasons.push(lastError);
    });
    const bfd = spec.bfd === undefined ? undefined : this.#guard(session, spec.bfd === "multihop");
    this.#sessions.set(spec.name, { session, reasons, bfd });
    this.#listener.add(session);
    session.setRoutes(routes.map(routeOf));
    session.start();
  }

  #guard(session: BgpSession, multihop: boolean): BfdHandle | undefined {
    const { peerAddress, localAddress } = session.config;
    if (peerAddress === undefined) return undefined;
    const local = localAddress === undefined ? {} : { localAddress };
    const handle = this.#bfd.open({ peer: peerAddress, ...local, multihop, profile: BFD_PROFILE });
    guardBgp(handle, {
      get state() {
        return session.view.state;
      },
      drop: (subcode, reason) => session.reset(subcode, reason),
    });
    return handle;
  }

  #hosted(name: string): Hosted {
    const hosted = this.#sessions.get(name);
    if (hosted === undefined) throw new InteropError(`no session ${name}`);
    return hosted;
  }
}

const BFD_PROFILE: BfdProfile = {
  name: "usual",
  // BIRD sends with the system's 64 over several hops.
  minimumTtl: 64,
  receiveInterval: 300,
  transmitInterval: 300,
  detectMultiplier: 3,
  echoInterval: undefined,
  echoMode: false,
  passiveMode: false,
};

function seen({ session, reasons, bfd }: Hosted): SessionSeen {
  const { state, negotiated, lastError, counters, routesSent, routesNotSent } = session.view;
  return {
    state,
    families: negotiated?.families ?? [],
    fourOctetAsn: negotiated?.fourOctetAsn ?? false,
    holdTime: negotiated?.holdTime ?? 0,
    lastError: lastError ?? "",
    reasons,
    established: counters.established,
    routesSent,
    notSent: routesNotSent.map(({ prefix, reason }) => ({ prefix: `${prefix}`, reason })),
    learned: [...session.learned].map(({ prefix }) => `${prefix}`).toSorted(),
    bfd: bfd?.view.state ?? "none",
  };
}

function configOf(spec: SessionSpec): BgpSessionConfig {
  const { password, role, interface: interfaceName } = spec;
  return {
    name: spec.name,
    nodeName: "interop",
    localAsn: asnOf(spec.localAsn),
    peerAsn: asnOf(spec.peerAsn),
    ...(spec.peerAddress === undefined ? {} : { peerAddress: addressOf(spec.peerAddress) }),
    ...(spec.localAddress === undefined ? {} : { localAddress: addressOf(spec.localAddress) }),
    ...(interfaceName === undefined ? {} : { interface: interfaceName }),
    ...(password === undefined ? {} : { password }),
    ...(role === undefined ? {} : { role: { role, strict: true } }),
    ...(spec.maxPrefixes === undefined ? {} : { maxPrefixes: { limit: spec.maxPrefixes, action: "reset" } }),
    ...(spec.ttlSecurity === true ? { minTtl: 255 } : {}),
    ...(spec.gracefulRestart === undefined ? {} : { gracefulRestart: { ...spec.gracefulRestart, preserved: [4, 6] } }),
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
