import { BadMemberName, type GossipRefusal, GossipRefused } from "../membership/error.ts";
import type { Effect, MemberReport, MembershipEvent } from "../membership/event.ts";
import { Membership } from "../membership/membership.ts";
import { decodeMessage, encodeMessage } from "../membership/message.ts";
import { formatPlace, type Place } from "../membership/place.ts";
import { isMemberName } from "../membership/update.ts";
import { parseIpAddress } from "../net/ip-address.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import type { Timer } from "../system/clock.ts";
import { ConfigError } from "../wire/errors.ts";
import { Reader } from "../wire/reader.ts";
import { GossipCipher } from "./gossip-cipher.ts";
import type {
  GossipCommand,
  GossipInspection,
  GossipMemberReport,
  GossipOptions,
  GossipReport,
} from "./gossip-messages.ts";
import type { GossipEnginePorts, GossipPlace, GossipSocket } from "./gossip-ports.ts";

/** How long to wait before a socket is opened again that failed. */
const OPEN_AGAIN = seconds(1);
/** Refusals of one second are one report for each reason. */
const REFUSALS_EVERY = seconds(1);
/** From here on a timer is late: what has arrived by then is read before anybody is judged. */
const LATE = millis(1);

interface Refusals {
  count: number;
  from: string;
}

/** The membership of one node with its socket. Commands in, reports out, both plain data. */
export class GossipEngine {
  readonly #ports: GossipEnginePorts;
  readonly #options: GossipOptions;
  readonly #tell: (report: GossipReport) => void;
  readonly #cipher: GossipCipher;
  readonly #membership: Membership;
  readonly #refused: Partial<Record<GossipRefusal, number>> = {};
  readonly #untold = new Map<GossipRefusal, Refusals>();
  #socket: GossipSocket | undefined;
  #lastFailure: string | undefined;
  #openAgain: Timer | undefined;
  #tellRefusals: Timer | undefined;
  #timer: { readonly at: Micros; readonly timer: Timer } | undefined;
  #worstLateness = micros(0);
  #closed = false;

  /** @throws BadMemberName, BadGossipAddress */
  constructor(ports: GossipEnginePorts, options: GossipOptions, tell: (report: GossipReport) => void) {
    if (!isMemberName(options.node)) throw new BadMemberName(options.node);
    this.#ports = ports;
    this.#options = options;
    this.#tell = tell;
    this.#cipher = new GossipCipher(options.keys, options.cluster ?? "", ports.randomBytes);
    const random = new Reader(ports.randomBytes(10));
    this.#membership = new Membership(
      {
        name: options.node,
        session: this.#cipher.session,
        advertised: options.advertise === undefined ? undefined : advertised(options.advertise, options.bind.port),
        settings: options.settings,
        seed: random.u32(),
        firstNumber: random.u16() * 2 ** 32 + random.u32(),
      },
      ports.clock.now(),
    );
    this.#open();
    this.#tell({ type: "members", members: this.#membership.members(), change: undefined });
    this.#arm();
  }

  handle(command: GossipCommand): void {
    switch (command.type) {
      case "seeds":
        this.#dispatch({ type: "seeds-changed", seeds: command.seeds.flatMap(placesOf) });
        return;
      case "keys":
        this.#cipher.setKeys(command.keys);
        return;
      case "leave":
        this.#dispatch({ type: "leave" });
        return;
      case "inspect":
        this.#tell({ type: "inspected", request: command.request, inspection: this.#inspect() });
        return;
    }
  }

  /** Stops at once, without a word to the members. */
  close(): void {
    this.#closed = true;
    this.#socket?.close();
    this.#openAgain?.cancel();
    this.#tellRefusals?.cancel();
    this.#timer?.timer.cancel();
  }

  #open(): void {
    this.#openAgain = undefined;
    this.#socket = this.#ports.openSocket(this.#options.bind, {
      received: (bytes, from) => this.#onDatagram(bytes, from),
      failed: (message) => this.#onFailed(message),
    });
  }

  /** Somebody else may have the port, for a moment or for good: it is tried again. */
  #onFailed(message: string): void {
    if (this.#closed) return;
    this.#socket?.close();
    this.#socket = undefined;
    this.#openAgain ??= this.#ports.clock.after(OPEN_AGAIN, () => this.#open());
    if (this.#lastFailure === message) return;
    this.#lastFailure = message;
    this.#tell({ type: "socket-failed", message });
  }

  #onDatagram(bytes: Uint8Array, source: GossipPlace): void {
    if (this.#closed) return;
    for (const from of placesOf(source)) {
      try {
        const { session, sequence, message: octets } = this.#cipher.open(bytes);
        const message = decodeMessage(octets);
        this.#dispatch({ type: "received", message, from, size: octets.length, session, sequence });
      } catch (error) {
        if (!(error instanceof GossipRefused)) throw error;
        this.#refuse(error.refusal, from);
      }
    }
  }

  #dispatch(event: MembershipEvent): void {
    if (this.#closed) return;
    for (const effect of this.#membership.step(event, this.#ports.clock.now())) this.#perform(effect);
    this.#arm();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send": {
        const { address, port } = effect.to;
        const packet = this.#cipher.seal(encodeMessage(effect.message));
        this.#socket?.send(packet, { address: address.toString(), port });
        return;
      }
      case "announce":
        this.#tell({ type: "members", members: this.#membership.members(), change: effect.change });
        return;
      case "refuse":
        this.#refuse(effect.reason, effect.from);
        return;
      case "left":
        this.#tell({ type: "left" });
        return;
    }
  }

  #refuse(reason: GossipRefusal, place: Place): void {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
    const from = formatPlace(place);
    const known = this.#untold.get(reason);
    if (known === undefined) this.#untold.set(reason, { count: 1, from });
    else {
      known.count += 1;
      known.from = from;
    }
    this.#tellRefusals ??= this.#ports.clock.after(REFUSALS_EVERY, () => this.#onRefusals());
  }

  #onRefusals(): void {
    this.#tellRefusals = undefined;
    const untold = [...this.#untold];
    this.#untold.clear();
    for (const [reason, { count, from }] of untold) this.#tell({ type: "refused", reason, count, from });
  }

  #arm(): void {
    const at = this.#membership.deadline();
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    if (!Number.isFinite(at)) return;
    const delay = micros(Math.max(0, at - this.#ports.clock.now()));
    this.#timer = { at, timer: this.#ports.clock.after(delay, () => this.#onTimer(at)) };
  }

  /** After a stall of this thread the packets that prove the others alive lie unread in the socket: they come first. */
  #onTimer(at: Micros): void {
    this.#timer = undefined;
    const late = micros(this.#ports.clock.now() - at);
    this.#worstLateness = micros(Math.max(late, this.#worstLateness));
    if (late < LATE) this.#dispatch({ type: "time-passed" });
    else this.#ports.afterReads(() => this.#dispatch({ type: "time-passed" }));
  }

  #inspect(): GossipInspection {
    return {
      members: this.#membership.report().map((member) => this.#memberReport(member)),
      refused: { ...this.#refused },
      health: this.#membership.health,
      probes: this.#membership.probes,
      worstLateness: this.#worstLateness,
    };
  }

  #memberReport({ place, ...member }: MemberReport): GossipMemberReport {
    const { address, port } = this.#options.bind;
    return { ...member, address: place?.address.toString() ?? address, port: place?.port ?? port };
  }
}

/** The address others are to reach us at is none. */
class BadGossipAddress extends ConfigError {
  readonly code = "ERR_GOSSIP_BAD_ADDRESS";
}

function advertised(text: string, port: number): Place {
  const address = parseIpAddress(text);
  if (address === undefined) throw new BadGossipAddress(`not an IP address to be reached at: ${text}`);
  return { address, port };
}

/** None, where the text is no address: one with a zone, for one, which means something else on each node. */
function placesOf({ address: text, port }: GossipPlace): readonly Place[] {
  const address = parseIpAddress(text);
  return address === undefined ? [] : [{ address, port }];
}
