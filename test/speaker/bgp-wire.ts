import { type Frame, Framer } from "../../src/bgp/framer.ts";
import { type ControlMessage, encodeControl } from "../../src/bgp/message/message.ts";
import { decodeNotification } from "../../src/bgp/message/notification.ts";
import { decodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import type { IpAddress } from "../../src/net/ip-address.ts";
import type { BgpConnection, BgpDial, ConnectionHandlers } from "../../src/speaker/bgp-ports.ts";

/** One end of a connection in memory. What is written arrives at the other end when the test lets it. */
export class WireEnd implements BgpConnection {
  readonly localAddress: IpAddress;
  readonly remoteAddress: IpAddress;
  readonly localPort = 40000;
  readonly remotePort = 179;
  /** What the other end pretends not to have read. */
  backlog = 0;
  peer: WireEnd | undefined;
  open = true;
  readonly #wire: Wire;
  #handlers: ConnectionHandlers | undefined;
  readonly #early: Uint8Array[] = [];

  constructor(wire: Wire, localAddress: IpAddress, remoteAddress: IpAddress) {
    this.#wire = wire;
    this.localAddress = localAddress;
    this.remoteAddress = remoteAddress;
  }

  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    for (const bytes of this.#early.splice(0)) handlers.data(bytes);
  }

  write(bytes: Uint8Array): void {
    const { peer } = this;
    if (this.open && peer !== undefined) this.#wire.later(() => peer.receive(bytes));
  }

  end(): void {
    const { peer } = this;
    if (!this.open) return;
    this.#wire.later(() => {
      peer?.close("closed by the peer");
      this.close("closed by the peer");
    });
  }

  destroy(): void {
    this.end();
  }

  drain(): void {
    this.backlog = 0;
    this.#handlers?.drained();
  }

  receive(bytes: Uint8Array): void {
    if (!this.open) return;
    if (this.#handlers === undefined) this.#early.push(bytes);
    else this.#handlers.data(bytes);
  }

  close(reason: string): void {
    if (!this.open) return;
    this.open = false;
    this.#handlers?.closed(reason);
  }
}

/** A network in memory: things happen in order, when `settle` is called. */
export class Wire {
  readonly #queue: (() => void)[] = [];
  /** Unset: nobody answers. "refused": the dial fails. A function: the connection is given to it. */
  answer: "refused" | ((end: WireEnd) => void) | undefined;
  dials = 0;
  aborted = 0;

  later(what: () => void): void {
    this.#queue.push(what);
  }

  /** Lets everything happen that is on its way, or no more than so much of it. */
  settle(most = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < most; i++) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      next();
    }
  }

  pair(a: IpAddress, b: IpAddress): readonly [WireEnd, WireEnd] {
    const left = new WireEnd(this, a, b);
    const right = new WireEnd(this, b, a);
    left.peer = right;
    right.peer = left;
    return [left, right];
  }

  dialFrom(local: IpAddress): BgpDial {
    return ({ address }, outcome) => {
      this.dials++;
      let live = true;
      const { answer } = this;
      this.later(() => {
        if (!live || answer === undefined) return;
        if (answer === "refused") {
          outcome.failed("refused");
          return;
        }
        const [ours, theirs] = this.pair(local, address);
        answer(theirs);
        outcome.connected(ours);
      });
      return {
        abort: () => {
          live = false;
          this.aborted++;
        },
      };
    };
  }
}

/** A peer that says only what the test tells it to say, and notes in words what it hears. */
export class ScriptedPeer {
  readonly heard: string[] = [];
  readonly end: WireEnd;
  readonly #framer = new Framer();

  constructor(end: WireEnd) {
    this.end = end;
    end.attach({
      data: (bytes) => {
        for (const frame of this.#framer.push(bytes)) this.heard.push(words(frame));
      },
      drained: () => {},
      closed: () => this.heard.push("closed"),
    });
  }

  say(...messages: readonly (ControlMessage | Uint8Array)[]): void {
    for (const message of messages) this.end.write(message instanceof Uint8Array ? message : encodeControl(message));
  }

  /** What was heard since the last time. */
  take(): readonly string[] {
    return this.heard.splice(0);
  }
}

function words({ kind, body }: Frame): string {
  if (kind === "notification") {
    const { code, subcode } = decodeNotification(body);
    return `notification ${code}/${subcode}`;
  }
  if (kind !== "update") return kind;
  const update = decodeUpdate(body, { fourOctetAsn: true, internal: false });
  const { announced, withdrawn, endOfRib } = interpretUpdate(update);
  if (endOfRib !== undefined) return `end-of-rib ${endOfRib}`;
  const added = announced.flatMap(({ prefixes, nextHop }) => prefixes.map((prefix) => `+${prefix}>${nextHop}`));
  return [...withdrawn.map((prefix) => `-${prefix}`), ...added].join(" ");
}
