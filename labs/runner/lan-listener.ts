// Hears all ARP and neighbour discovery that reaches one interface, and asks who has an address. usage: lan-listener.ts INDEX
// MAC ADDRESS... Commands on stdin: `ask IP MILLISECONDS`, `hush IP`. Each saying is a line of JSON with the time it was heard
// on the monotonic clock, which all namespaces share.
import process from "node:process";
import { createInterface } from "node:readline";
import { type Family, type IpAddress, parseIpAddress } from "../../src/net/ip-address.ts";
import { arpFilter, neighbourDiscoveryFilter } from "../../src/system/native/filter.ts";
import { AF, ETHERTYPE, SOCK } from "../../src/system/native/linux.ts";
import { linkSockaddr } from "../../src/system/native/sockaddr.ts";
import { MessageBuffer, type NativeSocket, systemSockets } from "../../src/system/native/socket.ts";
import { parseMac, question, readSaying } from "./lan-frames.ts";
import { monotonic } from "./monotonic.ts";

const [index = "", macWord = "", ...addressWords] = process.argv.slice(2);
const mac = parseMac(macWord) ?? new Uint8Array(6);
const own = new Map<Family, IpAddress>();
for (const word of addressWords) {
  const address = parseIpAddress(word);
  if (address !== undefined) own.set(address.family, address);
}

const buffer = new MessageBuffer(2048);

function listen(etherType: number, filter: Uint8Array): NativeSocket {
  const socket = systemSockets.open(AF.packet, SOCK.raw, 0);
  socket.attachFilter(filter);
  socket.bind(linkSockaddr(etherType, Number(index)));
  socket.onReadable(() => {
    while (socket.receive(buffer)) tell(buffer.message);
  });
  return socket;
}

function tell(frame: Uint8Array): void {
  const saying = readSaying(frame);
  if (saying !== undefined) process.stdout.write(`${JSON.stringify({ at: monotonic(), ...saying })}\n`);
}

const sockets: Readonly<Record<Family, NativeSocket>> = {
  4: listen(ETHERTYPE.arp, arpFilter([1, 2])),
  6: listen(ETHERTYPE.ipv6, neighbourDiscoveryFilter([135, 136])),
};
const asking = new Map<string, NodeJS.Timeout>();

function ask(target: IpAddress): void {
  const ip = own.get(target.family);
  if (ip === undefined) return;
  process.stdout.write(`${JSON.stringify({ at: monotonic(), kind: "asked", ip: target, mac: macWord })}\n`);
  sockets[target.family].send(question({ mac, ip }, target));
}

function command(line: string): void {
  const [verb, word = "", every = "50"] = line.split(" ");
  const target = parseIpAddress(word);
  if (target === undefined) return;
  clearInterval(asking.get(word));
  asking.delete(word);
  if (verb !== "ask") return;
  asking.set(
    word,
    setInterval(() => ask(target), Number(every)),
  );
  ask(target);
}

createInterface({ input: process.stdin })
  .on("line", command)
  .on("close", () => process.exit());
process.stdout.write("\n");
