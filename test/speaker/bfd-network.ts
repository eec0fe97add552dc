import { type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { type Micros, micros, millis } from "../../src/net/micros.ts";
import { BfdEngine } from "../../src/speaker/bfd-engine.ts";
import type { BfdChange, BfdReport } from "../../src/speaker/bfd-messages.ts";
import type { BfdDatagram, BfdSendPath, BfdUdp } from "../../src/speaker/bfd-ports.ts";
import { SystemError } from "../../src/wire/errors.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

export function ip(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return address;
}

class NoSocket extends SystemError {
  readonly code = "ERR_TEST_NO_SOCKET";
}

export interface Sent {
  readonly at: Micros;
  readonly from: string;
  readonly to: string;
  readonly sourcePort: number;
  readonly bytes: Uint8Array;
}

/** Hosts joined by a link that can lose and delay, in virtual time. */
export class BfdNetwork {
  readonly clock = new VirtualClock();
  readonly sent: Sent[] = [];
  delay: () => Micros = () => millis(0);
  loses: (sent: Sent) => boolean = () => false;
  ttl = 255;
  /** Hosts that loop echo packets back, and whose. */
  readonly reflectors = new Map<string, (from: IpAddress) => boolean>();
  /** Echo packets on their way there and back are lost while this holds. */
  losesEchoes = false;
  readonly #listeners = new Map<string, (datagram: BfdDatagram) => void>();
  /** Open sockets of both kinds. */
  open = 0;

  /** The sockets of a host; `refuse` makes them fail like a kernel would. */
  host(address: string, refuse: () => string | undefined = () => undefined): BfdUdp {
    return {
      listen: ({ multihop }, received) => {
        const reason = refuse();
        if (reason !== undefined) throw new NoSocket(reason);
        const key = `${address} ${multihop}`;
        this.#listeners.set(key, received);
        this.open += 1;
        return {
          close: () => {
            this.#listeners.delete(key);
            this.open -= 1;
          },
        };
      },
      reflect: (_family, mayReflect) => {
        const reason = refuse();
        if (reason !== undefined) throw new NoSocket(reason);
        this.reflectors.set(address, mayReflect);
        return { close: () => this.reflectors.delete(address) };
      },
      loop: (returned) => {
        this.open += 1;
        return {
          send: (bytes, { via }) => this.#bounce(address, `${via}`, () => returned(bytes)),
          close: () => {
            this.open -= 1;
          },
        };
      },
      open: (path) => {
        const reason = refuse();
        if (reason !== undefined) throw new NoSocket(reason);
        this.open += 1;
        return {
          send: (bytes) => refuse() ?? this.#carry(address, path, bytes),
          close: () => {
            this.open -= 1;
          },
        };
      },
    };
  }

  #bounce(from: string, via: string, back: () => void): void {
    this.clock.after(this.delay(), () => {
      if (this.losesEchoes || this.reflectors.get(via)?.(ip(from)) !== true) return;
      this.clock.after(this.delay(), back);
    });
  }

  #carry(from: string, path: BfdSendPath, bytes: Uint8Array): string | undefined {
    const sent = { at: this.clock.now(), from, to: `${path.peer}`, sourcePort: path.sourcePort, bytes };
    this.sent.push(sent);
    if (this.loses(sent)) return undefined;
    this.clock.after(this.delay(), () => {
      const datagram = { bytes, from: ip(from), to: path.peer, ttl: this.ttl };
      this.#listeners.get(`${path.peer} ${path.multihop}`)?.(datagram);
    });
    return undefined;
  }
}

/** An engine on a host of the network, with everything it told. */
export class EngineHost {
  readonly engine: BfdEngine;
  readonly reports: BfdReport[] = [];

  constructor(network: BfdNetwork, address: string, random: () => number, refuse?: () => string | undefined) {
    const ports = {
      clock: network.clock,
      random,
      udp: network.host(address, refuse),
      afterReads: (then: () => void) => then(),
    };
    this.engine = new BfdEngine(ports, (report) => this.reports.push(structuredClone(report)));
  }

  get changes(): readonly BfdChange[] {
    return this.reports.flatMap((report) => (report.type === "changed" ? [report.change] : []));
  }

  /** `down>init:none`, one per change. */
  get words(): readonly string[] {
    return this.changes.map(({ from, to, reason }) => `${from}>${to}:${reason}`);
  }

  session(id = 1): {
    state: string;
    detectionTime: Micros | undefined;
    transmitInterval: Micros;
    echoInterval: Micros | undefined;
  } {
    this.engine.handle({ type: "inspect", request: 0 });
    const last = this.reports.pop();
    const found = last?.type === "inspected" ? last.inspection.sessions[id] : undefined;
    if (found === undefined) throw new Error(`no session ${id}`);
    return found;
  }
}

/** Numbers in [0, 1) that are the same in every run. */
export function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export const intervals = (tx: number, rx: number, multiplier: number, passive = false) => ({
  desiredMinTx: micros(tx * 1000),
  requiredMinRx: micros(rx * 1000),
  requiredMinEchoRx: micros(0),
  desiredMinEchoTx: micros(0),
  multiplier,
  passive,
});
