import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { SystemError } from "../../wire/errors.ts";

/** Something that the addon watches; only the addon can make or use one. */
export type WatchHandle = object;

/** The addon's functions. Each answers what the system call did, or -errno. */
export interface Binding {
  socket(domain: number, type: number, protocol: number): number;
  close(fd: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  getsockname(fd: number, address: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: number | Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array): number;
  attachFilter(fd: number, program: Uint8Array): number;
  send(fd: number, bytes: Uint8Array, address: Uint8Array | undefined): number;
  recvmsg(
    fd: number,
    bytes: Uint8Array,
    address: Uint8Array | undefined,
    control: Uint8Array | undefined,
    lengths: Int32Array,
  ): number;
  recvBatch(fd: number, bytes: Uint8Array, slot: number, lengths: Int32Array): number;
  poll(fd: number, events: number, ready: (status: number, events: number) => void): WatchHandle | number;
  pollControl(watch: WatchHandle, operation: number, events: number): number;
  schedule(policy: number, priority: number): number;
}

/** The addon was not built on this machine, or cannot be loaded by this Node. */
export class NativeMissing extends SystemError {
  readonly code = "ERR_NATIVE_MISSING";
}

const FUNCTIONS: Readonly<Record<keyof Binding, true>> = {
  socket: true,
  close: true,
  bind: true,
  connect: true,
  getsockname: true,
  setsockopt: true,
  getsockopt: true,
  attachFilter: true,
  send: true,
  recvmsg: true,
  recvBatch: true,
  poll: true,
  pollControl: true,
  schedule: true,
};

/** The addon's file: beside this source, or beside the bundle. */
const ADDON = join(import.meta.dirname, "netraw.node");

/** Loads the addon. Works in any thread. @throws NativeMissing that says what to do. */
export function loadBinding(file = ADDON): Binding {
  const remedy = "needs Linux and gcc: run `npm run build:native`, then `npm run build`";
  if (!existsSync(file)) throw new NativeMissing(`native sockets are not built (no ${file}): ${remedy}`);
  let loaded: unknown;
  try {
    loaded = createRequire(import.meta.url)(file);
  } catch (cause) {
    throw new NativeMissing(`native sockets cannot be loaded: ${remedy}`, { cause });
  }
  if (!isBinding(loaded)) throw new NativeMissing(`native sockets of another version are at ${file}: ${remedy}`);
  return loaded;
}

function isBinding(value: unknown): value is Binding {
  if (typeof value !== "object" || value === null) return false;
  return Object.keys(FUNCTIONS).every((name) => typeof Reflect.get(value, name) === "function");
}
