import net from "node:net";
import { encodeKeepalive } from "../../../src/bgp/message/keepalive.ts";
import { encodeOpen } from "../../../src/bgp/message/open.ts";

const HEADER = 19;
const UPDATE = 2;
const KEEPALIVE = 4;
const KEEPALIVE_INTERVAL = 10_000;

interface RouterOptions {
  readonly asn: number;
  /** Its own address, the source of what it dials. */
  readonly address: string;
}

/** A BGP peer that only counts: IPv4 hosts, messages and octets, and when they came. */
export class CountingRouter {
  readonly #options: RouterOptions;
  readonly #socket: net.Socket;
  readonly #waiting: { readonly until: () => boolean; readonly resolve: () => void }[] = [];
  #held = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;
  /** When the session was up, in milliseconds of the clock all figures are on; 0 before. */
  establishedAt = 0;
  firstUpdateAt = 0;
  lastUpdateAt = 0;
  announced = 0;
  withdrawn = 0;
  updates = 0;
  octets = 0;
  ended = false;
  closed = false;
  /** When all of `wanted` hosts but a hundredth had come. */
  mostAt = 0;
  wanted = Number.POSITIVE_INFINITY;

  private constructor(socket: net.Socket, options: RouterOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.closed = true;
      clearInterval(this.#timer);
    });
    socket.write(this.#open());
  }

  /** Dials until somebody answers and takes the session. */
  static async dial(port: number, options: RouterOptions): Promise<CountingRouter> {
    const deadline = performance.now() + 120_000;
    while (performance.now() < deadline) {
      const socket = await connected(port, options.address);
      const router = socket && new CountingRouter(socket, options);
      if (router !== undefined && (await router.established())) return router;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`nobody took a session on port ${port}`);
  }

  /** Waits on an address for sessions that are dialled to it. */
  static listen(port: number, options: RouterOptions, accepted: (router: CountingRouter) => void): Promise<net.Server> {
    const server = net.createServer((socket) => accepted(new CountingRouter(socket, options)));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, options.address, () => resolve(server));
    });
  }

  /** How far it is, in a few words. */
  get standing(): string {
    const state = this.closed ? "closed" : this.establishedAt > 0 ? "up" : "opening";
    return `${state} with ${this.announced}${this.ended ? "" : ", not all"}`;
  }

  /** Resolves once what is asked for is so, which is looked at after each arrival. */
  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ until: holds, resolve }));
  }

  /** Octets as they are, at once. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  close(): void {
    this.#socket.destroy();
  }

  async established(): Promise<boolean> {
    await this.until(() => this.establishedAt > 0 || this.closed);
    return this.establishedAt > 0;
  }

  #open(): Uint8Array {
    const { asn, address } = this.#options;
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    const identifier = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    const capabilities = { families: [{ afi: 1, safi: 1 }], fourOctetAsn: asn };
    return encodeOpen({ myAs: asn, holdTime: 90, identifier, capabilities });
  }

  #onData(chunk: Buffer): void {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    while (bytes.length >= HEADER && bytes.length >= bytes.readUInt16BE(16)) {
      const length = bytes.readUInt16BE(16);
      this.#onMessage(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    }
    this.#held = bytes.length === 0 ? Buffer.alloc(0) : Buffer.from(bytes);
    this.#look();
  }

  #look(): void {
    const met = this.#waiting.filter(({ until }) => until());
    for (const one of met) {
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      one.resolve();
    }
  }

  #onMessage(message: Buffer): void {
    const type = message[HEADER - 1];
    if (type === UPDATE) this.#onUpdate(message);
    else if (type === KEEPALIVE && this.establishedAt === 0) this.establishedAt = performance.now();
    else if (type === 1) {
      this.#socket.write(encodeKeepalive());
      this.#timer = setInterval(() => this.#socket.write(encodeKeepalive()), KEEPALIVE_INTERVAL);
    }
  }

  #onUpdate(message: Buffer): void {
    const withdrawn = message.readUInt16BE(HEADER);
    const attributes = message.readUInt16BE(HEADER + 2 + withdrawn);
    const nlri = message.length - HEADER - 4 - withdrawn - attributes;
    if (message.length === HEADER + 4) {
      this.ended = true;
      return;
    }
    this.updates++;
    this.octets += message.length;
    this.announced += nlri / 5;
    this.withdrawn += withdrawn / 5;
    this.lastUpdateAt = performance.now();
    this.firstUpdateAt ||= this.lastUpdateAt;
    if (this.announced >= this.wanted * 0.99) this.mostAt ||= this.lastUpdateAt;
  }
}

function connected(port: number, localAddress: string): Promise<net.Socket | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port, localAddress });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}
