import { parentPort } from "node:worker_threads";
import { InterfaceMonitor } from "../system/interface-monitor.ts";
import { systemSockets } from "../system/native/socket.ts";
import { packetLinks } from "../system/packet-link.ts";
import { systemRandom } from "../system/random.ts";
import { raiseThreadPriority } from "../system/thread-priority.ts";
import { machineClock } from "./bfd-clock.ts";
import { GossipEngine } from "./gossip-engine.ts";
import { systemGossipPorts } from "./gossip-udp.ts";
import { type LanEngine, LanEngines } from "./lan-engines.ts";
import type { LanCommand } from "./lan-messages.ts";
import { Layer2Engine } from "./layer2-engine.ts";
import type { Layer2Command, Layer2Report } from "./layer2-messages.ts";
import type { Layer2EngineOptions } from "./layer2-ports.ts";
import { keepBeating } from "./worker-thread.ts";

/** Follows the interfaces by itself: changes of them do not wait for the main thread. */
function startLayer2(options: Layer2EngineOptions, report: (report: Layer2Report) => void): LanEngine<Layer2Command> {
  const interfaces = new InterfaceMonitor(systemSockets);
  try {
    const ports = { clock: machineClock, random: systemRandom, interfaces, openLink: packetLinks(systemSockets) };
    const engine = new Layer2Engine(ports, options, report);
    return {
      handle: (command) => engine.handle(command),
      close() {
        engine.close();
        interfaces.close();
      },
    };
  } catch (error) {
    interfaces.close();
    throw error;
  }
}

/** The program of the LAN's thread: commands come in as messages, reports go out. */
const port = parentPort;
if (port !== null) {
  raiseThreadPriority();
  keepBeating();
  const engines = new LanEngines(
    {
      layer2: startLayer2,
      gossip: (options, report) => new GossipEngine(systemGossipPorts(), options, report),
    },
    (report) => port.postMessage(report),
  );
  port.on("message", (command: LanCommand) => engines.handle(command));
}
