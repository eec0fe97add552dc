import { parentPort } from "node:worker_threads";
import { interfaceIndex } from "../system/interface-index.ts";
import { systemSockets } from "../system/native/socket.ts";
import { systemRandom } from "../system/random.ts";
import { makeThreadRealTime } from "../system/thread-priority.ts";
import { udpSockets } from "../system/udp.ts";
import { udpLoops } from "../system/udp-loop.ts";
import { machineClock } from "./bfd-clock.ts";
import { BfdEngine } from "./bfd-engine.ts";
import type { BfdCommand } from "./bfd-messages.ts";
import { bfdUdp } from "./bfd-udp.ts";
import { keepBeating } from "./worker-thread.ts";

/** Turns of the event loop that are waited for at most, until one reads nothing: a flood must not hide a dead peer. */
const MOST_TURNS = 16;

let datagrams = 0;

/** Datagrams are read between a timer and the immediates after it, some at a time: waits until a turn has read none. */
function afterReads(then: () => void, turns = MOST_TURNS): void {
  const before = datagrams;
  setImmediate(() => (datagrams === before || turns === 0 ? then() : afterReads(then, turns - 1)));
}

/** The program of the BFD thread: commands come in as messages, reports go out. */
const port = parentPort;
if (port !== null) {
  makeThreadRealTime();
  keepBeating();
  const udp = bfdUdp({
    openUdp: udpSockets(systemSockets),
    openLoop: udpLoops(systemSockets),
    interfaceIndex: (name) => interfaceIndex(name, systemSockets),
    read: () => {
      datagrams += 1;
    },
  });
  const engine = new BfdEngine({ clock: machineClock, random: systemRandom, udp, afterReads }, (report) =>
    port.postMessage(report),
  );
  port.on("message", (command: BfdCommand) => engine.handle(command));
}
