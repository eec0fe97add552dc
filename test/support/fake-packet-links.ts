import type { IpAddress } from "../../src/net/ip-address.ts";
import type { LinkPlace, PacketLink, PacketLinkHandlers } from "../../src/speaker/layer2-ports.ts";
import { arpFilter, neighbourDiscoveryFilter } from "../../src/system/native/filter.ts";
import { SocketError } from "../../src/system/native/socket.ts";
import { passesFilter } from "./run-filter.ts";

const FILTERS = [arpFilter([1, 2]), neighbourDiscoveryFilter([135, 136])];
const LONGEST = 1514;
const BROADCAST = "ffffffffffff";
const ALL_NODES = "333300000001";
const NO_SUCH_DEVICE = -6;

/** A LAN of the test's: frames arrive when `settle` is called, if at all. */
export class FakeLan {
  readonly #stations = new Set<FakeStation>();
  #waiting: (() => void)[] = [];
  /** Loses frames that this is true of. */
  lose: (from: FakeStation, to: FakeStation) => boolean = () => false;
  /** Everything that was sent, in hexadecimal. */
  readonly sent: string[] = [];

  /** An interface on the LAN. */
  attach(mac: Uint8Array): FakeStation {
    const station = new FakeStation(this, mac);
    this.#stations.add(station);
    return station;
  }

  /** Delivers what was sent, and what is sent in answer to it. */
  settle(): void {
    while (this.#waiting.length > 0) for (const deliver of this.#waiting.splice(0)) deliver();
  }

  transmit(from: FakeStation, frame: Uint8Array): void {
    const copy = frame.slice();
    this.sent.push(hex(copy));
    this.#waiting.push(() => {
      for (const to of this.#stations) if (to !== from && !this.lose(from, to)) to.arrive(copy);
    });
  }
}

/** An interface on a fake LAN, which a link opens. */
export class FakeStation {
  readonly #lan: FakeLan;
  readonly #mac: string;
  readonly #links = new Set<FakePacketLink>();
  #up = true;
  /** Set to make the kernel have no room for what is sent. */
  full = false;

  constructor(lan: FakeLan, mac: Uint8Array) {
    this.#lan = lan;
    this.#mac = hex(mac);
  }

  get up(): boolean {
    return this.#up;
  }

  /** The port of the engine. */
  readonly openLink = (_place: LinkPlace, handlers: PacketLinkHandlers): PacketLink => {
    const link = new FakePacketLink(this, handlers, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  };

  /** The groups listened to, as the MACs of their frames. */
  get groups(): readonly string[] {
    return [...new Set([...this.#links].flatMap(({ groups }) => [...groups]))].sort();
  }

  /** Sends a frame from outside any link. */
  send(frame: Uint8Array): void {
    this.#lan.transmit(this, frame);
  }

  arrive(frame: Uint8Array): void {
    if (!this.#up || frame.length > LONGEST || !FILTERS.some((filter) => passesFilter(filter, frame))) return;
    const to = hex(frame.subarray(0, 6));
    for (const link of this.#links) {
      if (to === this.#mac || to === BROADCAST || to === ALL_NODES || link.groups.has(to))
        link.handlers.received(frame);
    }
  }

  /** Its open links fail; new ones can be opened when it is up again. */
  setUp(up: boolean): void {
    this.#up = up;
    if (up) return;
    for (const link of [...this.#links]) {
      link.close();
      link.handlers.failed("recvmmsg: ENETDOWN");
    }
  }
}

class FakePacketLink implements PacketLink {
  readonly handlers: PacketLinkHandlers;
  readonly #station: FakeStation;
  readonly #closed: () => void;
  #open = true;
  groups: ReadonlySet<string> = new Set();

  constructor(station: FakeStation, handlers: PacketLinkHandlers, closed: () => void) {
    this.#station = station;
    this.handlers = handlers;
    this.#closed = closed;
  }

  send(frame: Uint8Array): boolean {
    if (!this.#open || !this.#station.up) throw new SocketError("sendto", NO_SUCH_DEVICE);
    if (this.#station.full) return false;
    this.#station.send(frame);
    return true;
  }

  listenFor(targets: readonly IpAddress[]): void {
    const six = targets.filter(({ family }) => family === 6);
    this.groups = new Set(six.map((target) => `3333ff${hex(target.toBytes().subarray(13))}`));
  }

  close(): void {
    this.#open = false;
    this.#closed();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
