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

  open(domain: number, type: number, protocol: number): FakeNativeSocket {
    if (this.refuse !== undefined) throw new SocketError("socket", this.refuse);
    const socket = new FakeNativeSocket([domain, type, protocol], this.opened.length + 100);
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
  /** The errno that sending fails with. */
  sendError: number | undefined;
  readonly #arrivals: (Arrival | SocketError)[] = [];
  #ready: (() => void) | undefined;

  constructor(kind: readonly number[], fd: number) {
    this.kind = kind;
    this.fd = fd;
  }

  /** Something arrives, or an error does. */
  deliver(...arrivals: readonly (Arrival | SocketError)[]): void {
    this.#arrivals.push(...arrivals);
    this.#ready?.();
  }

  bind(): void {}

  connect(): void {}

  attachFilter(): void {}

  localAddress(): Uint8Array {
    return new Uint8Array(16);
  }

  setOption({ level, name }: { level: number; name: number }, value: number | Uint8Array): void {
    this.options.push([level, name, value]);
  }

  getOption(): Structure {
    return new Structure(4);
  }

  send(message: Uint8Array, to?: Uint8Array): boolean {
    if (this.sendError !== undefined) throw new SocketError("sendto", this.sendError);
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

  receiveBatch(_into: BatchBuffer): number {
    return 0;
  }

  onReadable(ready: () => void) {
    this.#ready = ready;
    return { keepAlive: () => {}, close: () => {} };
  }

  close(): void {
    this.closed = true;
  }

  release(): number {
    return this.fd;
  }
}
