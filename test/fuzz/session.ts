import fc from "fast-check";
import { Framer } from "../../src/bgp/framer.ts";
import { ERROR_CODE } from "../../src/bgp/iana.ts";
import { encodeControl } from "../../src/bgp/message/message.ts";
import { decodeNotification } from "../../src/bgp/message/notification.ts";
import type { Open } from "../../src/bgp/message/open.ts";
import { encodeUpdate } from "../../src/bgp/message/update.ts";
import { seconds } from "../../src/net/micros.ts";
import { BgpSession } from "../../src/speaker/bgp-session.ts";
import type { Log } from "../../src/telemetry/log.ts";
import { updates } from "../bgp/arbitraries.ts";
import { asn, ip, route, routerId } from "../bgp/values.ts";
import { Wire, type WireEnd } from "../speaker/bgp-wire.ts";
import { busyMillis } from "../support/busy-time.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { propertySubject } from "./decoders.ts";
import { brokenMessages, joined, ourMessages } from "./seeds.ts";
import { expectNoStall } from "./subject.ts";

/** What a peer without manners does, and what happens around it. */
type Act =
  | { readonly type: "say"; readonly bytes: Uint8Array; readonly chunk: number }
  | { readonly type: "greet" }
  | { readonly type: "wait"; readonly seconds: number }
  | { readonly type: "hang-up" }
  | { readonly type: "dial" }
  | { readonly type: "stop-reading" }
  | { readonly type: "read-on" }
  | { readonly type: "routes"; readonly count: number };

const INTERNAL = { fourOctetAsn: true, internal: true };
const goodUpdates = updates.map((update) => encodeUpdate(update, INTERNAL));
const said = fc.oneof(
  goodUpdates,
  ourMessages,
  brokenMessages,
  fc.uint8Array({ minLength: 1, maxLength: 100 }),
  fc.array(goodUpdates, { minLength: 2, maxLength: 30 }).map(joined),
);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("say" as const), bytes: said, chunk: fc.constantFrom(1, 7, 1000, 1e6) }),
  },
  { weight: 4, arbitrary: fc.constant({ type: "greet" } as const) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("wait" as const), seconds: fc.constantFrom(0.1, 1, 31, 100, 600) }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ type: "hang-up" } as const, { type: "dial" } as const) },
  { weight: 1, arbitrary: fc.constantFrom({ type: "stop-reading" } as const, { type: "read-on" } as const) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("routes" as const), count: fc.integer({ min: 0, max: 50 }) }) },
);

const HERE = ip("192.0.2.1");
const THERE = ip("192.0.2.2");

/** The greeting that brings the session up: an OPEN that fits, and the KEEPALIVE that confirms ours. */
const OPEN: Open = {
  myAs: 64512,
  holdTime: 90,
  identifier: routerId(2),
  capabilities: {
    families: [
      { afi: 1, safi: 1 },
      { afi: 2, safi: 1 },
    ],
    routeRefresh: true,
    extendedMessage: true,
    enhancedRouteRefresh: true,
    fourOctetAsn: 64512,
  },
};
const GREETING = joined([encodeControl({ type: "open", open: OPEN }), encodeControl({ type: "keepalive" })]);

/** A session, its peer, and everything they must not do to each other. */
class Stage {
  readonly #wire = new Wire();
  readonly #clock = new VirtualClock();
  readonly #session: BgpSession;
  readonly #complaints: string[] = [];
  #far: WireEnd | undefined;
  #slowest = 0;

  constructor() {
    this.#wire.answer = (end) => this.#take(end);
    const random = () => 0.5;
    const ports = { clock: this.#clock, random, dial: this.#wire.dialFrom(HERE), log: this.#log() };
    this.#session = new BgpSession(ports, {
      name: "fuzz",
      localAsn: asn(64512),
      peerAsn: "internal",
      peerAddress: THERE,
      nodeName: "node",
      families: new Set([4, 6] as const),
      gracefulRestart: { restartTime: 120, preserved: [4, 6] },
    });
    this.#session.start();
    this.#wire.settle();
  }

  get complaints(): readonly string[] {
    return this.#complaints;
  }

  get state(): string {
    return this.#session.view.state;
  }

  /** Says how long the longest turn of the event loop took. */
  play(one: Act): number {
    this.#slowest = 0;
    if (one.type === "say") this.#say(one);
    else this.#turn(() => this.#act(one));
    return this.#slowest;
  }

  #turn(what: () => void): void {
    const took = busyMillis(() => {
      what();
      this.#wire.settle();
    });
    this.#slowest = Math.max(this.#slowest, took);
  }

  #act(one: Exclude<Act, { type: "say" }>): void {
    switch (one.type) {
      case "greet":
        this.#far?.write(GREETING);
        break;
      case "wait":
        this.#clock.advance(seconds(one.seconds));
        break;
      case "hang-up":
        this.#far?.end();
        break;
      case "dial":
        this.#dialIn();
        break;
      case "stop-reading":
        if (this.#far?.peer !== undefined) this.#far.peer.backlog = 10_000_000;
        break;
      case "read-on":
        this.#far?.peer?.drain();
        break;
      case "routes":
        this.#session.setRoutes(Array.from({ length: one.count }, (_, i) => route(`203.0.113.${i}/32`)));
        break;
    }
  }

  /** Each chunk arrives in a turn of its own. */
  #say({ bytes, chunk }: Extract<Act, { type: "say" }>): void {
    for (let i = 0; i < bytes.length; i += chunk) this.#turn(() => this.#far?.write(bytes.subarray(i, i + chunk)));
  }

  #dialIn(): void {
    const [ours, theirs] = this.#wire.pair(HERE, THERE);
    this.#take(theirs);
    this.#session.accept(ours);
  }

  /** Listens as a strict peer would: everything must be a whole message, and every NOTIFICATION one there is. */
  #take(end: WireEnd): void {
    this.#far = end;
    const framer = new Framer({ extendedMessages: true });
    end.attach({
      data: (bytes) => {
        for (const { kind, body } of framer.push(bytes)) if (kind === "notification") this.#checkNotification(body);
      },
      drained: () => {},
      closed: () => {},
    });
  }

  #checkNotification(body: Uint8Array): void {
    const { code, subcode } = decodeNotification(body);
    const known: readonly number[] = Object.values(ERROR_CODE);
    if (!known.includes(code) || subcode > 11) this.#complaints.push(`NOTIFICATION ${code}/${subcode}`);
  }

  /** An error in the log of a session is a bug of ours: what a peer does wrong is at most a warning. */
  #log(): Log {
    const quiet = (): void => {};
    const log: Log = {
      trace: quiet,
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (msg, fields) => void this.#complaints.push(`${msg} ${JSON.stringify(fields)}`),
      child: () => log,
    };
    return log;
  }
}

/** Plays it all, and says how long the slowest act took. */
function play(acts: readonly Act[]): number {
  const stage = new Stage();
  let slowest = 0;
  for (const one of [{ type: "greet" } as const, ...acts]) slowest = Math.max(slowest, stage.play(one));
  // Whatever was done to it, it answers the next peer that behaves.
  for (let i = 0; i < 40 && stage.state !== "established"; i++) {
    stage.play({ type: "wait", seconds: 100 });
    stage.play({ type: "read-on" });
    stage.play({ type: "greet" });
  }
  if (stage.state !== "established") throw new Error(`still ${stage.state} after an hour`);
  const [complaint] = stage.complaints;
  if (complaint !== undefined) throw new Error(complaint);
  return slowest;
}

/** A whole session under a peer that does what it likes. */
export const session = propertySubject("session", fc.array(act, { maxLength: 25 }), (acts) => {
  expectNoStall(
    () => play(acts),
    () => `${acts.length} acts`,
  );
});
