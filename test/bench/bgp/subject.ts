// The process under test: the engine as it runs in a speaker, told by one line of JSON what to do. It says "ready" when it is.
import { asnFromNumber } from "../../../src/net/asn.ts";
import { IpAddress } from "../../../src/net/ip-address.ts";
import { OutboxHub } from "../../../src/speaker/bgp-outbox-hub.ts";
import type { BgpPorts } from "../../../src/speaker/bgp-ports.ts";
import { BgpSession } from "../../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../../src/speaker/bgp-session-config.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { dialTcp, listenTcp } from "../../../src/system/tcp.ts";
import { silentLog } from "../../support/silent-log.ts";
import { measureChanges } from "./changes.ts";
import { hostRoutes } from "./routes.ts";
import type { SubjectTask } from "./subject-task.ts";

const LOCAL = asnFromNumber(64512);
const PEER = asnFromNumber(65008);

function ports(): BgpPorts {
  const base = { clock: systemClock, random: Math.random, dial: dialTcp, log: silentLog };
  return { ...base, outboxHub: new OutboxHub(base) };
}

function config(last: number, port: number): BgpSessionConfig {
  if (LOCAL === undefined || PEER === undefined) throw new Error("no such AS");
  return {
    name: `router-${last}`,
    localAsn: LOCAL,
    peerAsn: PEER,
    peerAddress: new IpAddress(4, 0x7f000000n + BigInt(last)),
    peerPort: port,
    nodeName: "bench",
    families: new Set([4] as const),
    maxLearned: Number.POSITIVE_INFINITY,
  };
}

/** One passive session that takes whatever connects. */
async function serve(task: Extract<SubjectTask, { type: "serve" }>): Promise<void> {
  const session = new BgpSession(ports(), { ...config(8, task.port), passive: true });
  session.setRoutes(hostRoutes(task.routes, task.perSet));
  session.start();
  await listenTcp({ address: new IpAddress(4, 0x7f000001n), port: task.port }, (connection) =>
    session.accept(connection),
  );
}

/** Many sessions at once, all with the same table. */
function dialAll(task: Extract<SubjectTask, { type: "dial" }>): void {
  const routes = hostRoutes(task.routes, undefined);
  const shared = ports();
  for (let peer = 0; peer < task.peers; peer++) {
    const session = new BgpSession(shared, config(256 + peer, task.port));
    session.setRoutes(routes);
    session.start();
  }
}

const task = JSON.parse(process.argv[2] ?? "") as SubjectTask;
if (task.type === "serve") await serve(task);
else if (task.type === "dial") dialAll(task);
else
  process.stdout.write(
    `${JSON.stringify(await measureChanges(task, ports(), (peer) => config(256 + peer, task.port)))}\n`,
  );
process.stdout.write("ready\n");
