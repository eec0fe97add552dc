import { readdirSync, readlinkSync } from "node:fs";
import { parseIpAddress } from "../../../src/net/ip-address.ts";
import { type IpPrefix, parsePrefix } from "../../../src/net/ip-prefix.ts";
import { interfaceIndex } from "../../../src/system/interface-index.ts";
import { AF, ETHERTYPE, OPTION, SOCK } from "../../../src/system/native/linux.ts";
import { linkSockaddr } from "../../../src/system/native/sockaddr.ts";
import {
  MessageBuffer,
  type NativeSocket,
  type NativeSockets,
  systemSockets,
} from "../../../src/system/native/socket.ts";
import { dialTcp, listenTcp, type TcpListener } from "../../../src/system/tcp.ts";
import type { TcpConnection } from "../../../src/system/tcp-connection.ts";
import { readTcpMd5Counters } from "../../../src/system/tcp-md5-counters.ts";
import type { TcpOptions } from "../../../src/system/tcp-options.ts";
import { serveCalls } from "../../support/network-namespace.ts";
import { until } from "../../support/until.ts";

export interface ListenCall {
  readonly address?: string;
  readonly zone?: string;
  readonly passwords?: readonly (readonly [peers: string, password: string])[];
  readonly options?: TcpOptions;
}

export interface DialCall extends TcpOptions {
  readonly address: string;
  readonly port: number;
  readonly zone?: string;
  readonly localAddress?: string;
  /** How long until no answer counts as silence. */
  readonly waitMs?: number;
}

const PATIENCE = 10_000;

let lastFd = -1;
const sockets: NativeSockets = {
  get available() {
    return systemSockets.available;
  },
  open(...kind) {
    const made = systemSockets.open(...kind);
    lastFd = made.fd;
    return made;
  },
  setOption: (...args) => systemSockets.setOption(...args),
  getOption: (...args) => systemSockets.getOption(...args),
};

let listener: TcpListener | undefined;
let accepted: TcpConnection[] = [];
let dialled: TcpConnection | undefined;
let heard = "";
let closed: string | undefined;
let capture: { socket: NativeSocket; frames: string[] } | undefined;

function address(text: string) {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`no prefix: ${text}`);
  return parsed;
}

async function within(ms: number, what: () => boolean): Promise<boolean> {
  try {
    await until("", what, ms);
    return true;
  } catch {
    return false;
  }
}

serveCalls({
  async listen({ address: at, zone, passwords = [], options }: ListenCall) {
    await listener?.close();
    accepted = [];
    const where = {
      address: at === undefined ? undefined : address(at),
      ...(zone === undefined ? {} : { zone }),
      ...(options === undefined ? {} : { optionsFor: () => options }),
      port: 0,
    };
    listener = await listenTcp(where, (connection) => {
      accepted.push(connection);
      connection.attach({ data: (bytes) => connection.write(bytes), drained: () => {}, closed: () => {} });
    });
    for (const [peers, password] of passwords) listener.setPassword(prefix(peers), password);
    return listener.port;
  },
  setPassword({ peers, password }: { peers: string; password?: string }) {
    listener?.setPassword(prefix(peers), password);
  },
  async dial({ address: to, localAddress, waitMs = PATIENCE, ...rest }: DialCall) {
    let outcome: string | undefined;
    heard = "";
    closed = undefined;
    const target = {
      ...rest,
      address: address(to),
      ...(localAddress === undefined ? {} : { localAddress: address(localAddress) }),
    };
    const attempt = dialTcp(
      target,
      {
        connected(connection) {
          dialled = connection;
          outcome = "connected";
          connection.attach({
            data: (bytes) => {
              heard += new TextDecoder().decode(bytes);
            },
            drained: () => {},
            closed: (reason) => {
              closed = reason;
            },
          });
        },
        failed: (reason) => {
          outcome = `failed: ${reason}`;
        },
      },
      sockets,
    );
    if (await within(waitMs, () => outcome !== undefined)) return outcome;
    attempt.abort();
    return "silence";
  },
  async echo({ text, waitMs = PATIENCE }: { text: string; waitMs?: number }) {
    heard = "";
    dialled?.write(new TextEncoder().encode(text));
    return (await within(waitMs, () => heard === text || closed !== undefined)) ? (closed ?? heard) : "silence";
  },
  changePassword({ password }: { password: string }) {
    for (const connection of [...accepted, ...(dialled === undefined ? [] : [dialled])])
      connection.setPassword(password);
  },
  ends: () => [`${dialled?.localAddress}`, `${dialled?.remoteAddress}`, dialled?.zone ?? ""],
  acceptedEnds: () => accepted.map((one) => [`${one.localAddress}`, `${one.remoteAddress}`, one.zone ?? ""]),
  hangUp() {
    dialled?.destroy();
    for (const connection of accepted) connection.destroy();
  },
  dialledOptions() {
    const read = (option: (typeof OPTION)[keyof typeof OPTION]): number => sockets.getOption(lastFd, option).i32(0);
    return {
      tos: read(OPTION.ipTos),
      ttl: read(OPTION.ipTtl),
      minTtl: read(OPTION.ipMinTtl),
      userTimeout: read(OPTION.tcpUserTimeout),
      device: new TextDecoder().decode(sockets.getOption(lastFd, OPTION.bindToDevice, 16).bytes).replace(/\0/g, ""),
    };
  },
  capture() {
    const socket = systemSockets.open(AF.packet, SOCK.raw, 0);
    socket.bind(linkSockaddr(ETHERTYPE.all, interfaceIndex("eth0", systemSockets)));
    const frames: string[] = [];
    const buffer = new MessageBuffer(2048);
    socket.onReadable(() => {
      while (socket.receive(buffer)) frames.push(Buffer.from(buffer.message).toString("hex"));
    });
    capture = { socket, frames };
  },
  captured: () => capture?.frames,
  endCapture() {
    capture?.socket.close();
    capture = undefined;
  },
  counters: () => readTcpMd5Counters(),
  sockets: () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
      } catch {
        return false;
      }
    }).length,
});
