import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import { parseIpAddress } from "../net/ip-address.ts";
import { machineClock } from "./bfd-clock.ts";
import type { GossipEnginePorts, GossipPlace, GossipSocket, GossipSocketHandlers } from "./gossip-ports.ts";

/** Turns of the event loop that are waited for at most, until one reads nothing: a flood must not hide a dead member. */
const MOST_TURNS = 16;

/** What the engine needs, from this machine, in any thread. */
export function systemGossipPorts(): GossipEnginePorts {
  let datagrams = 0;
  function afterReads(then: () => void, turns = MOST_TURNS): void {
    const before = datagrams;
    setImmediate(() => (datagrams === before || turns === 0 ? then() : afterReads(then, turns - 1)));
  }
  return {
    clock: machineClock,
    randomBytes,
    afterReads: (then) => afterReads(then),
    openSocket: (at, handlers) =>
      openSocket(at, {
        ...handlers,
        received: (bytes, from) => {
          datagrams += 1;
          handlers.received(bytes, from);
        },
      }),
  };
}

/** `::` takes both families; every other address its own. */
function openSocket(at: GossipPlace, handlers: GossipSocketHandlers): GossipSocket {
  const six = isIPv6(at.address);
  const socket = createSocket(six ? "udp6" : "udp4");
  let open = true;
  socket.on("message", (bytes, { address, port }) => handlers.received(bytes, placeOf(address, port)));
  socket.on("error", (error) => handlers.failed(error.message));
  socket.bind(at.port, at.address);
  return {
    send: (bytes, to) => {
      if (open) sendOn(socket, bytes, to, six);
    },
    close: () => {
      if (open) socket.close();
      open = false;
    },
  };
}

/** What the kernel does not take is lost: the protocol asks again. */
function sendOn(socket: Socket, bytes: Uint8Array, { address, port }: GossipPlace, six: boolean): void {
  const mapped = six && !isIPv6(address) ? `::ffff:${address}` : address;
  socket.send(bytes, port, mapped, () => {});
}

function placeOf(text: string, port: number): GossipPlace {
  return { address: parseIpAddress(text)?.toString() ?? text, port };
}
