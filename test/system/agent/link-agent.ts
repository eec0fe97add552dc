import { readdirSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { parseIpAddress } from "../../../src/net/ip-address.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { interfaceIndex } from "../../../src/system/interface-index.ts";
import { InterfaceMonitor } from "../../../src/system/interface-monitor.ts";
import { arpFilter, neighbourDiscoveryFilter } from "../../../src/system/native/filter.ts";
import { AF, ETHERTYPE, SOCK } from "../../../src/system/native/linux.ts";
import { linkSockaddr, parseLinkSockaddr } from "../../../src/system/native/sockaddr.ts";
import { BatchBuffer, MessageBuffer, type NativeSocket, systemSockets } from "../../../src/system/native/socket.ts";
import { watchNeighbour } from "../../../src/system/neighbour-discovery.ts";
import { udpSockets } from "../../../src/system/udp.ts";
import { run, serveCalls } from "../../support/network-namespace.ts";
import { until } from "../../support/until.ts";

const WORKER = new URL("./udp-worker.ts", import.meta.url).href;

const FILTERS = {
  "arp-requests": { program: arpFilter([1]), protocol: ETHERTYPE.arp },
  solicitations: { program: neighbourDiscoveryFilter([135]), protocol: ETHERTYPE.ipv6 },
  none: { program: undefined, protocol: ETHERTYPE.all },
};

let monitor: InterfaceMonitor | undefined;
let changes = 0;
const found: string[] = [];
let packets: { socket: NativeSocket; frames: string[] } | undefined;
let heard: unknown[] = [];

function address(text: string) {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

serveCalls({
  async monitor() {
    monitor = new InterfaceMonitor(systemSockets);
    monitor.onChange(() => changes++);
    await monitor.listed();
  },
  changes: () => changes,
  links: () =>
    [...(monitor?.view.links.values() ?? [])].map(({ mac, ...link }) => ({
      ...link,
      mac: Buffer.from(mac).toString("hex"),
    })),
  addresses: () =>
    (monitor?.view.addresses ?? []).map(({ address: at, prefixLength, ...rest }) => ({
      ...rest,
      at: `${at}/${prefixLength}`,
    })),
  /** The program is busy while the kernel has more to tell than it may keep. */
  overrun({ verb, count }: { verb: "add" | "del"; count: number }) {
    const lines = Array.from({ length: count }, (_, i) => `address ${verb} 10.88.${i >> 8}.${i & 255}/32 dev lo`);
    run(["ip", "-batch", "-"], lines.join("\n"));
  },
  indexOf: ({ name }: { name: string }) => interfaceIndex(name, systemSockets),
  watch({ name }: { name: string }) {
    if (monitor === undefined) throw new Error("monitor first");
    const ports = { sockets: systemSockets, interfaces: monitor, clock: systemClock, random: () => 0 };
    watchNeighbour({ ...ports, failed: (_, error) => found.push(error.message) }, name, (at) => found.push(`${at}`));
  },
  found: () => found,
  listenToFrames({ filter }: { filter: keyof typeof FILTERS }) {
    packets?.socket.close();
    const socket = systemSockets.open(AF.packet, SOCK.raw, 0);
    const { program, protocol } = FILTERS[filter];
    if (program !== undefined) socket.attachFilter(program);
    socket.bind(linkSockaddr(protocol, interfaceIndex("eth0", systemSockets)));
    const frames: string[] = [];
    const buffer = new MessageBuffer(2048, { address: true });
    socket.onReadable(() => {
      while (socket.receive(buffer)) {
        const from = parseLinkSockaddr(buffer.from);
        frames.push(
          `${from?.direction} ${from?.etherType.toString(16)} ${Buffer.from(buffer.message).toString("hex")}`,
        );
      }
    });
    packets = { socket, frames };
  },
  frames: () => packets?.frames,
  /** Frames are taken many at once. */
  async batch({ count }: { count: number }) {
    const receiver = systemSockets.open(AF.packet, SOCK.raw, 0);
    receiver.bind(linkSockaddr(0x88b5, interfaceIndex("lo", systemSockets)));
    const frame = (i: number) => Uint8Array.from([...new Uint8Array(12), 0x88, 0xb5, ...new Uint8Array(45), i]);
    for (let i = 0; i < count; i++) receiver.send(frame(i), linkSockaddr(0x88b5, interfaceIndex("lo", systemSockets)));
    const batch = new BatchBuffer(64, 16);
    const sizes: number[] = [];
    const last: number[] = [];
    for (let n = receiver.receiveBatch(batch); n > 0; n = receiver.receiveBatch(batch)) {
      sizes.push(n);
      for (let i = 0; i < n; i++) last.push(batch.message(i).at(-1) ?? -1);
    }
    receiver.close();
    return { sizes, last: [...new Set(last)] };
  },
  async udpListen({ address: at }: { address: string }) {
    const scope = interfaceIndex("eth0", systemSockets);
    heard = [];
    const socket = udpSockets(systemSockets)(
      { family: 6, address: address(at), scope, port: 0, minTtl: 255 },
      {
        received: ({ from, to, ttl }) => heard.push([`${from.address}`, from.scope === scope, `${to}`, ttl]),
        failed: () => {},
      },
    );
    return socket.port;
  },
  udpHeard: () => heard,
  /** Makes the kernel look for a neighbour. */
  disturb({ to }: { to: string }) {
    const target = address(to);
    const socket = udpSockets(systemSockets)(
      { family: target.family, port: 0 },
      { received: () => {}, failed: () => {} },
    );
    socket.send(new Uint8Array(1), { address: target, port: 9 });
    socket.close();
  },
  udpSend({ to, port }: { to: string; port: number }) {
    const scope = interfaceIndex("eth0", systemSockets);
    const socket = udpSockets(systemSockets)({ family: 6, port: 0 }, { received: () => {}, failed: () => {} });
    const error = socket.send(new Uint8Array(24), { address: address(to), port, scope });
    socket.close();
    return error?.message;
  },
  /** Starts a worker that echoes, talks to it, ends it while its socket is watched. */
  async worker() {
    const program = `import("tsx/esm/api").then(({ register }) => (register(), import(${JSON.stringify(WORKER)})))`;
    const worker = new Worker(program, { eval: true });
    const port = await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    let echo = "";
    const socket = udpSockets(systemSockets)(
      { family: 4, port: 0 },
      { received: ({ payload }) => (echo = new TextDecoder().decode(payload)), failed: () => {} },
    );
    socket.send(new TextEncoder().encode("hello"), { address: address("127.0.0.1"), port });
    await until("an echo", () => echo !== "");
    socket.close();
    await worker.terminate();
    return echo;
  },
  openAndClose({ count }: { count: number }) {
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < count; i++) {
      const socket = systemSockets.open(AF.inet, SOCK.dgram, 0);
      socket.onReadable(() => {});
      socket.close();
    }
    return readdirSync("/proc/self/fd").length - before;
  },
  async throwInCallback() {
    const caught = new Promise((resolve) => process.once("uncaughtException", (error) => resolve(error.message)));
    const socket = udpSockets(systemSockets)(
      { family: 4, port: 0 },
      {
        received: () => {
          throw new Error("from the callback");
        },
        failed: () => {},
      },
    );
    socket.send(new Uint8Array(1), { address: address("127.0.0.1"), port: socket.port });
    const message = await caught;
    socket.close();
    return message;
  },
});
