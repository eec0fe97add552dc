import { getSystemErrorName } from "node:util";
import { SystemError } from "../../wire/errors.ts";
import { type Binding, loadBinding, NativeMissing, type WatchHandle } from "./binding.ts";
import type { SocketOption } from "./linux.ts";
import { Structure } from "./memory.ts";

/** The kernel refused a call on a socket. */
export class SocketError extends SystemError {
  readonly code = "ERR_SYSTEM_SOCKET";
  /** The error's name: `EPERM`, `ENOBUFS`. */
  readonly errno: string;
  readonly call: string;

  constructor(call: string, negativeErrno: number) {
    const errno = getSystemErrorName(negativeErrno);
    super(`${call}: ${errno}${ADVICE[errno] ?? ""}`);
    this.call = call;
    this.errno = errno;
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  EPERM: " (needs the capability NET_RAW)",
  EACCES: " (a port below 1024 needs the capability NET_BIND_SERVICE)",
};

const AGAIN = -11;
const BAD_FD = -9;
const NO_BUFFERS = -105;

/** Room for one received message, used again for the next: copy what is kept. */
export class MessageBuffer {
  readonly bytes: Uint8Array;
  readonly address: Uint8Array | undefined;
  readonly control: Uint8Array | undefined;
  readonly lengths = new Int32Array(3);
  /** Octets received; the message is cut off when it was longer than the room. */
  length = 0;
  truncated = false;

  constructor(size: number, options: { readonly address?: boolean; readonly control?: number } = {}) {
    this.bytes = new Uint8Array(size);
    this.address = options.address === true ? new Uint8Array(128) : undefined;
    this.control = options.control === undefined ? undefined : new Uint8Array(options.control);
  }

  get message(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** The sender's address, empty when there was no room for it. */
  get from(): Uint8Array {
    return this.address?.subarray(0, this.lengths[0]) ?? NOTHING;
  }

  get controlMessages(): Uint8Array {
    return this.control?.subarray(0, this.lengths[1]) ?? NOTHING;
  }
}

const NOTHING = new Uint8Array(0);

/** Room for many messages that are taken from the kernel at once. */
export class BatchBuffer {
  readonly bytes: Uint8Array;
  readonly slot: number;
  readonly lengths: Int32Array;

  /** @throws RangeError on more than 64 messages, the most the kernel is asked for at once. */
  constructor(slot: number, count: number) {
    if (count < 1 || count > 64) throw new RangeError("a batch holds 1 to 64 messages");
    this.slot = slot;
    this.bytes = new Uint8Array(slot * count);
    this.lengths = new Int32Array(count);
  }

  /** Message `i` of the last batch. */
  message(i: number): Uint8Array {
    return this.bytes.subarray(i * this.slot, i * this.slot + Math.min(this.slot, this.lengths[i] ?? 0));
  }
}

/** A watch on a socket. */
interface Watch {
  /** Whether waiting keeps the program alive; it does at first. */
  keepAlive(keep: boolean): void;
  close(): void;
}

/** One socket of ours. No call ever blocks. */
export interface NativeSocket {
  readonly fd: number;
  bind(address: Uint8Array): void;
  connect(address: Uint8Array): void;
  localAddress(): Uint8Array;
  setOption(option: SocketOption, value: number | Uint8Array): void;
  getOption(option: SocketOption, length?: number): Structure;
  attachFilter(program: Uint8Array): void;
  /** False when the kernel has no room now: the message is lost. */
  send(message: Uint8Array, to?: Uint8Array): boolean;
  /** False when there is nothing to receive. */
  receive(into: MessageBuffer): boolean;
  /** How many messages were received; at most what there is room for. */
  receiveBatch(into: BatchBuffer): number;
  /** Calls each time there is something to receive, an error included; it must be received, or the call comes again. */
  onReadable(ready: () => void): Watch;
  close(): void;
  /** Gives the descriptor to another owner, such as net.Socket: the socket is not ours any more. */
  release(): number;
}

/** The kernel's sockets, as far as Node has them not. */
export interface NativeSockets {
  /** Whether the addon is there; asking never throws. */
  readonly available: boolean;
  /** @throws NativeMissing, SocketError */
  open(domain: number, type: number, protocol: number): NativeSocket;
  /** Sets an option of a socket that Node owns. @throws NativeMissing, SocketError */
  setOption(fd: number, option: SocketOption, value: number | Uint8Array): void;
  /** @throws NativeMissing, SocketError */
  getOption(fd: number, option: SocketOption, length?: number): Structure;
}

/** Native sockets by the addon, which is loaded when first needed. */
export class AddonSockets implements NativeSockets {
  readonly #load: () => Binding;
  #binding: Binding | undefined;

  constructor(load: () => Binding = loadBinding) {
    this.#load = load;
  }

  get available(): boolean {
    try {
      return this.#loaded() !== undefined;
    } catch (error) {
      if (error instanceof NativeMissing) return false;
      throw error;
    }
  }

  open(domain: number, type: number, protocol: number): NativeSocket {
    const binding = this.#loaded();
    return new AddonSocket(binding, check("socket", binding.socket(domain, type, protocol)));
  }

  setOption(fd: number, option: SocketOption, value: number | Uint8Array): void {
    setOption(this.#loaded(), fd, option, value);
  }

  getOption(fd: number, option: SocketOption, length = 4): Structure {
    return getOption(this.#loaded(), fd, option, length);
  }

  #loaded(): Binding {
    this.#binding ??= this.#load();
    return this.#binding;
  }
}

/** The native sockets of this machine. */
export const systemSockets: NativeSockets = new AddonSockets();

function check(call: string, result: number): number {
  if (result < 0) throw new SocketError(call, result);
  return result;
}

function setOption(binding: Binding, fd: number, { level, name }: SocketOption, value: number | Uint8Array): void {
  check(`setsockopt(${level}, ${name})`, binding.setsockopt(fd, level, name, value));
}

function getOption(binding: Binding, fd: number, { level, name }: SocketOption, length: number): Structure {
  const bytes = new Uint8Array(length);
  const size = check(`getsockopt(${level}, ${name})`, binding.getsockopt(fd, level, name, bytes));
  return new Structure(bytes.subarray(0, size));
}

const READABLE = 1;
const CONTROL = { close: 0, events: 1, ref: 2, unref: 3 } as const;

class AddonSocket implements NativeSocket {
  readonly #binding: Binding;
  readonly #watches = new Set<Watch>();
  #fd: number;

  constructor(binding: Binding, fd: number) {
    this.#binding = binding;
    this.#fd = fd;
  }

  get fd(): number {
    // A descriptor that was closed may be somebody else's by now.
    if (this.#fd < 0) throw new SocketError("a socket that is closed", BAD_FD);
    return this.#fd;
  }

  bind(address: Uint8Array): void {
    check("bind", this.#binding.bind(this.fd, address));
  }

  connect(address: Uint8Array): void {
    check("connect", this.#binding.connect(this.fd, address));
  }

  localAddress(): Uint8Array {
    const address = new Uint8Array(128);
    return address.subarray(0, check("getsockname", this.#binding.getsockname(this.fd, address)));
  }

  setOption(option: SocketOption, value: number | Uint8Array): void {
    setOption(this.#binding, this.fd, option, value);
  }

  getOption(option: SocketOption, length = 4): Structure {
    return getOption(this.#binding, this.fd, option, length);
  }

  attachFilter(program: Uint8Array): void {
    check("setsockopt(SO_ATTACH_FILTER)", this.#binding.attachFilter(this.fd, program));
  }

  send(message: Uint8Array, to?: Uint8Array): boolean {
    const sent = this.#binding.send(this.fd, message, to);
    if (sent === AGAIN || sent === NO_BUFFERS) return false;
    check("sendto", sent);
    return true;
  }

  receive(into: MessageBuffer): boolean {
    const received = this.#binding.recvmsg(this.fd, into.bytes, into.address, into.control, into.lengths);
    if (received === AGAIN) return false;
    check("recvmsg", received);
    into.truncated = received > into.bytes.length;
    into.length = Math.min(received, into.bytes.length);
    return true;
  }

  receiveBatch(into: BatchBuffer): number {
    const received = this.#binding.recvBatch(this.fd, into.bytes, into.slot, into.lengths);
    return received === AGAIN ? 0 : check("recvmmsg", received);
  }

  onReadable(ready: () => void): Watch {
    const watch = new AddonWatch(this.#binding, this.fd, ready, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    return watch;
  }

  close(): void {
    if (this.#fd < 0) return;
    for (const watch of this.#watches) watch.close();
    check("close", this.#binding.close(this.#fd));
    this.#fd = -1;
  }

  release(): number {
    const fd = this.fd;
    for (const watch of this.#watches) watch.close();
    this.#fd = -1;
    return fd;
  }
}

class AddonWatch implements Watch {
  readonly #binding: Binding;
  readonly #handle: WatchHandle;
  readonly #closed: () => void;

  constructor(binding: Binding, fd: number, ready: () => void, closed: () => void) {
    this.#binding = binding;
    this.#closed = closed;
    const handle = binding.poll(fd, READABLE, (status) => {
      // libuv stops watching a socket with a pending error, such as ENOBUFS or ENETDOWN: receiving it clears it.
      if (status < 0) this.#control(CONTROL.events);
      ready();
    });
    if (typeof handle === "number") throw new SocketError("poll", handle);
    this.#handle = handle;
  }

  keepAlive(keep: boolean): void {
    this.#control(keep ? CONTROL.ref : CONTROL.unref);
  }

  close(): void {
    this.#control(CONTROL.close);
    this.#closed();
  }

  #control(operation: number): void {
    check("poll", this.#binding.pollControl(this.#handle, operation, READABLE));
  }
}
