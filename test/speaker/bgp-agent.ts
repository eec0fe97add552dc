import { formatAttributes } from "../../src/bgp/attribute/registry.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { systemClock } from "../../src/system/clock.ts";
import { dialTcp } from "../../src/system/tcp.ts";
import { asn, ip, route } from "../bgp/values.ts";
import { serveCalls } from "../support/network-namespace.ts";
import { silentLog } from "../support/silent-log.ts";

/** A session of ours with a router at 10.77.0.2. */
export interface SessionCall extends Pick<BgpSessionConfig, "addPaths" | "role"> {
  readonly name: string;
  readonly asn: number;
  readonly from: string;
}

/** What a session has learned, and how its connection stands. */
export interface SessionReport {
  readonly state: string;
  readonly error: string | undefined;
  readonly send: readonly number[];
  readonly receive: readonly number[];
  readonly learned: readonly {
    readonly prefix: string;
    readonly pathId: number;
    readonly asPath: string | undefined;
  }[];
}

const sessions = new Map<string, BgpSession>();

function start({ name, asn: ours, from, ...options }: SessionCall): void {
  const ports = { clock: systemClock, random: Math.random, dial: dialTcp, log: silentLog };
  const session = new BgpSession(ports, {
    name,
    nodeName: name,
    localAsn: asn(ours),
    peerAsn: asn(65000),
    peerAddress: ip("10.77.0.2"),
    localAddress: ip(from),
    families: new Set([4, 6] as const),
    connectTime: 1,
    ...options,
  });
  sessions.set(name, session);
  session.start();
}

function report(name: string): SessionReport | undefined {
  const session = sessions.get(name);
  if (session === undefined) return undefined;
  const { state, lastError, negotiated } = session.view;
  return {
    state,
    error: lastError,
    send: negotiated?.addPathSend ?? [],
    receive: negotiated?.addPathReceive ?? [],
    learned: [...session.learned].map(({ prefix, pathId, attributes }) => ({
      prefix: `${prefix}`,
      pathId,
      asPath: formatAttributes(attributes)["asPath"],
    })),
  };
}

serveCalls({
  start,
  report,
  routes: ({ name, prefixes }: { readonly name: string; readonly prefixes: readonly string[] }) =>
    sessions.get(name)?.setRoutes(prefixes.map((prefix) => route(prefix))),
  messages: (name: string) => sessions.get(name)?.journal.flatMap((line) => (line.type === "message" ? [line] : [])),
});
