import { OPTION, type SocketOption } from "../../src/system/native/linux.ts";
import { Structure } from "../../src/system/native/memory.ts";
import {
  type BatchBuffer,
  type MessageBuffer,
  type NativeSocket,
  type NativeSockets,
  SocketError,
} from "../../src/system/native/socket.ts";

interface Arrival {
  readonly bytes: Uint8Array;
  readonly from?: Uint8Array;
  readonly control?: Uint8Array;
}

/** Native sockets without a kernel: what was asked of them is kept, what arrives is the test's to say. */
export class FakeNativeSockets implements NativeSockets {
  available = true;
  /** Every socket opened, in order. */
  readonly opened: FakeNativeSocket[] = [];
  /** Set to make the next `open` fail with this errno. */
  refuse: number | undefined;
  /** Set to make `bind` fail with this errno. */
  refuseBind: number | undefined;
  /** How many sockets may be opened: EPERM from there. */
  mostSockets = Number.POSITIVE_INFINITY;
  /** How many multicast groups fit into one socket: ENOMEM from there. */
  mostGroups = Number.POSITIVE_INFINITY;

  open(domain: number, type: number, protocol: number): FakeNativeSocket {
    if (this.refuse !== undefined) throw new SocketError("socket", this.refuse);
    if (this.opened.length >= this.mostSockets) throw new SocketError("socket", -1);
    const socket = new FakeNativeSocket(this, [domain, type, protocol], this.opened.length + 100);
    this.opened.push(socket);
    return socket;
  }

  setOption(): void {}

  getOption(): Structure {
    return new Structure(4);
  }
}

/** One of them. */
export class FakeNativeSocket implements NativeSocket {
  readonly kind: readonly number[];
  readonly fd: number;
  readonly sent: { readonly message: Uint8Array; readonly to: Uint8Array | undefined }[] = [];
  readonly options: (readonly [level: number, name: number, value: number | Uint8Array])[] = [];
  closed = false;
  /** Filters and binding in the order they came. */
  readonly calls: string[] = [];
  /** The errno that sending fails with. */
  sendError: number | undefined;
  /** The kernel has no room for what is sent. */
  full = false;
  readonly #limits: Pick<FakeNativeSockets, "refuseBind" | "mostGroups">;
  readonly #groups = new Set<string>();
  readonly #arrivals: (Arrival | SocketError)[] = [];
  #ready: (() => void) | undefined;

  constructor(limits: Pick<FakeNativeSockets, "refuseBind" | "mostGroups">, kind: readonly number[], fd: number) {
    this.#limits = limits;
    this.kind = kind;
    this.fd = fd;
  }

  /** Something arrives, or an error does. */
  deliver(...arrivals: readonly (Arrival | SocketError)[]): void {
    this.#arrivals.push(...arrivals);
    this.#ready?.();
  }

  bind(): void {
    if (this.#limits.refuseBind !== undefined) throw new SocketError("bind", this.#limits.refuseBind);
    this.calls.push("bind");
  }

  connect(): void {}

  attachFilter(): void {
    this.calls.push("attachFilter");
  }

  localAddress(): Uint8Array {
    return new Uint8Array(16);
  }

  setOption({ level, name }: SocketOption, value: number | Uint8Array): void {
    if (isOption(OPTION.ipv6LeaveGroup, level, name)) this.#groups.delete(`${value}`);
    if (isOption(OPTION.ipv6JoinGroup, level, name)) {
      if (this.#groups.size >= this.#limits.mostGroups) throw new SocketError("setsockopt", -12);
      this.#groups.add(`${value}`);
    }
    this.options.push([level, name, value]);
  }

  getOption(): Structure {
    return new Structure(4);
  }

  send(message: Uint8Array, to?: Uint8Array): boolean {
    if (this.sendError !== undefined) throw new SocketError("sendto", this.sendError);
    if (this.full) return false;
    this.sent.push({ message: message.slice(), to });
    return true;
  }

  receive(into: MessageBuffer): boolean {
    const arrival = this.#arrivals.shift();
    if (arrival instanceof SocketError) throw arrival;
    if (arrival === undefined) return false;
    into.bytes.set(arrival.bytes);
    into.length = arrival.bytes.length;
    into.address?.set(arrival.from ?? []);
    into.control?.set(arrival.control ?? []);
    into.lengths.set([arrival.from?.length ?? 0, arrival.control?.length ?? 0, 0]);
    return true;
  }

  receiveBatch(into: BatchBuffer): number {
    let count = 0;
    for (; count < into.lengths.length && this.#arrivals.length > 0; count++) {
      const arrival = this.#arrivals[0];
      // The kernel tells an error with the next call, once what came before it is taken.
      if (arrival instanceof SocketError && count > 0) break;
      this.#arrivals.shift();
      if (arrival instanceof SocketError) throw arrival;
      const bytes = arrival?.bytes.subarray(0, into.slot) ?? new Uint8Array(0);
      into.bytes.set(bytes, count * into.slot);
      into.lengths[count] = bytes.length;
    }
    return count;
  }

  onReadable(ready: () => void) {
    this.#ready = ready;
    return { keepAlive: () => {}, close: () => {} };
  }

  close(): void {
    this.closed = true;
    this.#ready = undefined;
  }

  release(): number {
    return this.fd;
  }
}

function isOption(option: SocketOption, level: number, name: number): boolean {
  return option.level === level && option.name === name;
}
