import { machineClock } from "../../src/speaker/bfd-clock.ts";
import { Layer2Engine } from "../../src/speaker/layer2-engine.ts";
import type { Layer2Command, Layer2Report } from "../../src/speaker/layer2-messages.ts";
import { InterfaceMonitor } from "../../src/system/interface-monitor.ts";
import { systemSockets } from "../../src/system/native/socket.ts";
import { packetLinks } from "../../src/system/packet-link.ts";
import { systemRandom } from "../../src/system/random.ts";
import { serveCalls } from "../support/network-namespace.ts";

let engine: Layer2Engine | undefined;
const reports: Layer2Report[] = [];

serveCalls({
  start({ node, excludedInterfaces }: { node: string; excludedInterfaces?: string }) {
    engine = new Layer2Engine(
      {
        clock: machineClock,
        random: systemRandom,
        interfaces: new InterfaceMonitor(systemSockets),
        openLink: packetLinks(systemSockets),
      },
      { node, excludedInterfaces },
      (report) => reports.push(report),
    );
  },
  handle: (command: Layer2Command) => engine?.handle(command),
  reports: () => reports,
});
