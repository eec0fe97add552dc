// A prober of the client's side that shares no code with Herald and is not the kernel: ICMPv6 and ICMP by the package raw-socket.
//
//   node labs/runner/prober.mjs neighbour-solicitation TARGET --interface eth0 [options]   who has the IPv6 address TARGET (RFC 4861)
//   node labs/runner/prober.mjs echo TARGET [--interface eth0] [options]                   does TARGET, of either family, answer a ping
//
//   --count N          questions asked, 1 unless told
//   --interval MS      from one question to the next, 1000 unless told
//   --timeout MS       waited for answers after the last question, 1000 unless told
//   --unicast          neighbour-solicitation: asks TARGET itself, as neighbour unreachability detection does, and not its multicast group.
//                      The kernel looks for TARGET first when it does not know it, and that answer is told too
//   --without-source   neighbour-solicitation: leaves out the option with our own hardware address, as a client may that asks by unicast
//
// Prints one JSON object per answer, as it comes:
//   {"sequence":1,"mac":"02:00:5e:10:00:01","source":"fe80::1","router":false,"solicited":true,"override":true,"milliseconds":0.412,"at":81234567890}
//   {"sequence":1,"source":"10.0.0.1","milliseconds":0.201,"at":81234567890}
// `milliseconds` is counted from the last question; `at` is the machine's monotonic clock in microseconds, the same in every process.
// A neighbour advertisement has no sequence number of its own: it is told with that of the last question. `mac` is missing where the
// answer has no target link-layer address. Several owners are several lines with other MACs. At the end one line with "summary":
//   {"summary":true,"asked":1,"answered":1,"macs":["02:00:5e:10:00:01"]}
// Exit status: 0 answered, 1 nobody answered, 2 wrong usage, or raw-socket is not built, or root is missing.
//
// ARP is not here: raw-socket has only IPv4 and IPv6 sockets. Ask the client's kernel, or arping.
import { networkInterfaces } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import ipaddr from "ipaddr.js";

const [SOL_SOCKET, IPPROTO_IPV6] = [1, 41];
const SO_BINDTODEVICE = 25;
const IPV6 = { unicastHops: 16, multicastInterface: 17, multicastHops: 18, multicastLoop: 19 };
const [ICMP, ICMPV6] = [1, 58];
const [NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT] = [135, 136];
const [SOURCE_LINK_ADDRESS, TARGET_LINK_ADDRESS] = [1, 2];
const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } };
const MOST_FRAMES = 1500;

const macs = new Set();
let asked = 0;
let answered = 0;
let askedAt = 0n;

class UsageError extends Error {}

function options() {
  const { values, positionals } = parseArgs({
    options: {
      interface: { type: "string" },
      count: { type: "string", default: "1" },
      interval: { type: "string", default: "1000" },
      timeout: { type: "string", default: "1000" },
      unicast: { type: "boolean", default: false },
      "without-source": { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const [what, target = ""] = positionals;
  const count = wholeNumber("--count", values.count);
  const interval = wholeNumber("--interval", values.interval);
  const timeout = wholeNumber("--timeout", values.timeout);
  if (!ipaddr.isValid(target)) throw new UsageError(`not an address: ${target}`);
  return { ...values, what, target: ipaddr.parse(target), count, interval, timeout };
}

function wholeNumber(name, text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new UsageError(`${name} takes a whole number from 1 up, not ${text}`);
  return value;
}

async function rawSocket() {
  try {
    return (await import("raw-socket")).default;
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND" && error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError("raw-socket is not built: it needs python3, make, g++ and Node's headers when npm ci runs", {
      cause: error,
    });
  }
}

function open(raw, protocol, { interface: name }) {
  const addressFamily = protocol === ICMP ? raw.AddressFamily.IPv4 : raw.AddressFamily.IPv6;
  const socket = raw.createSocket({ protocol, addressFamily, bufferSize: MOST_FRAMES });
  if (name !== undefined) socket.setOption(SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${name}\0`), name.length + 1);
  socket.on("error", (error) => fail(error.message));
  return socket;
}

/** Asks as often as wanted, and ends the program when the last answers had their time. */
function ask({ count, interval, timeout }, send) {
  const timer = setInterval(once, interval);
  once();
  function once() {
    asked += 1;
    send(asked);
    if (asked < count) return;
    clearInterval(timer);
    setTimeout(finish, timeout);
  }
}

function answer(facts) {
  const now = process.hrtime.bigint();
  answered += 1;
  if (facts.mac !== undefined) macs.add(facts.mac);
  const milliseconds = Number((now - askedAt) / 1000n) / 1000;
  process.stdout.write(`${JSON.stringify({ sequence: asked, ...facts, milliseconds, at: Number(now / 1000n) })}\n`);
}

function finish() {
  process.stdout.write(`${JSON.stringify({ summary: true, asked, answered, macs: [...macs] })}\n`);
  process.exit(answered > 0 ? 0 : 1);
}

function solicitation(target, mac) {
  const head = [NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
  const source =
    mac === undefined ? [] : [SOURCE_LINK_ADDRESS, 1, ...mac.split(":").map((part) => Number.parseInt(part, 16))];
  return Buffer.from([...head, ...target, ...source]);
}

/** The facts of a neighbour advertisement for the target; undefined for whatever else comes. */
function advertised(message, target) {
  if (message.length < 24 || message[0] !== NEIGHBOUR_ADVERTISEMENT || !message.subarray(8, 24).equals(target))
    return undefined;
  const flags = {
    router: (message[4] & 0x80) !== 0,
    solicited: (message[4] & 0x40) !== 0,
    override: (message[4] & 0x20) !== 0,
  };
  for (let at = 24; at + 8 <= message.length && message[at + 1] > 0; at += message[at + 1] * 8) {
    if (message[at] === TARGET_LINK_ADDRESS) return { mac: colons(message.subarray(at + 2, at + 8)), ...flags };
  }
  return flags;
}

function colons(bytes) {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function askForNeighbour(raw, wanted) {
  const { interface: name, target, unicast } = wanted;
  if (name === undefined || target.kind() !== "ipv6") throw new UsageError("takes an IPv6 address and --interface");
  const [local] = networkInterfaces()[name] ?? [];
  if (local === undefined) throw new UsageError(`there is no interface ${name} with an address`);
  const bytes = Buffer.from(target.toByteArray());
  const group = `ff02::1:ff${bytes.toString("hex", 13, 14)}:${bytes.toString("hex", 14, 16)}`;
  const to = unicast ? target.toString() : group;
  const scoped = unicast && target.range() !== "linkLocal" ? to : `${to}%${name}`;
  const socket = open(raw, ICMPV6, wanted);
  // RFC 4861 section 7.1.1: whoever receives it takes it only when no router can have sent it on.
  socket.setOption(IPPROTO_IPV6, IPV6.unicastHops, 255);
  socket.setOption(IPPROTO_IPV6, IPV6.multicastHops, 255);
  socket.setOption(IPPROTO_IPV6, IPV6.multicastLoop, 0);
  socket.on("message", (message, source) => {
    const facts = advertised(message, bytes);
    if (facts !== undefined) answer({ source, ...facts });
  });
  const message = solicitation(bytes, wanted["without-source"] ? undefined : local.mac);
  ask(wanted, () => send(socket, message, scoped));
}

function askForEcho(raw, wanted) {
  const { target, interface: name } = wanted;
  const family = target.kind() === "ipv6" ? 6 : 4;
  const socket = open(raw, family === 6 ? ICMPV6 : ICMP, wanted);
  const id = process.pid & 0xffff;
  socket.on("message", (packet, source) => {
    // An IPv4 socket hands out the IP header too.
    const message = family === 4 ? packet.subarray((packet[0] & 15) * 4) : packet;
    if (message.length < 8 || message[0] !== ECHO[family].reply || message.readUInt16BE(4) !== id) return;
    answer({ sequence: message.readUInt16BE(6), source });
  });
  const local = family === 6 && target.range() === "linkLocal" && name !== undefined;
  ask(wanted, (sequence) => {
    const message = Buffer.alloc(16);
    message[0] = ECHO[family].request;
    message.writeUInt16BE(id, 4);
    message.writeUInt16BE(sequence & 0xffff, 6);
    // The kernel fills in ICMPv6's checksum, not ICMP's.
    if (family === 4) raw.writeChecksum(message, 2, raw.createChecksum(message));
    send(socket, message, local ? `${target}%${name}` : target.toString());
  });
}

function send(socket, message, to) {
  const leaves = () => {
    askedAt = process.hrtime.bigint();
  };
  socket.send(message, 0, message.length, to, leaves, (error) => {
    // No route, or the interface is down: that is no answer, and the next question comes.
    if (error) process.stderr.write(`prober: ${error.message}\n`);
  });
}

function fail(message) {
  process.stderr.write(`prober: ${message}\n`);
  process.exit(2);
}

const COMMANDS = { "neighbour-solicitation": askForNeighbour, echo: askForEcho };
try {
  const wanted = options();
  const command = COMMANDS[wanted.what];
  if (command === undefined) throw new UsageError(`ask for one of ${Object.keys(COMMANDS).join(", ")}`);
  command(await rawSocket(), wanted);
} catch (error) {
  fail(error.message);
}
