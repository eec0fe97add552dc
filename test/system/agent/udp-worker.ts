import { parentPort } from "node:worker_threads";
import { parseIpAddress } from "../../../src/net/ip-address.ts";
import { systemSockets } from "../../../src/system/native/socket.ts";
import { udpSockets } from "../../../src/system/udp.ts";

// Echoes one datagram after the other to its sender; the port goes to the parent.
const address = parseIpAddress("127.0.0.1");
if (address === undefined) throw new Error("no address");
const socket = udpSockets(systemSockets)(
  { family: 4, address, port: 0, minTtl: 255 },
  { received: ({ payload, from }) => socket.send(payload, from), failed: () => {} },
);
parentPort?.postMessage(socket.port);
