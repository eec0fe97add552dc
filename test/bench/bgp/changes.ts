import { prepareNode } from "../../../src/announcement/decision.ts";
import type { RouteChange } from "../../../src/announcement/route-table.ts";
import { nodeName, serviceKey } from "../../../src/api/brands.ts";
import type { PeerName } from "../../../src/api/config.ts";
import type { Service } from "../../../src/api/core.ts";
import { Announcer } from "../../../src/speaker/announcer.ts";
import type { BgpDial, BgpPorts } from "../../../src/speaker/bgp-ports.ts";
import { BgpSession } from "../../../src/speaker/bgp-session.ts";
import type { BgpSessionConfig } from "../../../src/speaker/bgp-session-config.ts";
import { base, bgpAd, config, local, node, on, peer, pool, service } from "../../announcement/cluster.ts";
import { silentLog } from "../../support/silent-log.ts";
import { hostText } from "./routes.ts";
import type { SubjectTask } from "./subject-task.ts";

type ChangeTask = Extract<SubjectTask, { type: "change" }>;

/** Milliseconds from a change of endpoints to the last peer's UPDATE given to its socket. */
export interface ChangeFigures {
  readonly latencies: readonly number[];
  /** UPDATEs written by the changes. */
  readonly writes: number;
}

/** Sockets that say when something was written to them. */
function watched(dial: BgpDial, written: () => void): BgpDial {
  return (target, outcome) =>
    dial(target, {
      failed: (reason) => outcome.failed(reason),
      connected(connection) {
        const { write } = connection;
        connection.write = (bytes) => {
          write.call(connection, bytes);
          written();
        };
        outcome.connected(connection);
      },
    });
}

/** A node with all the Services announced to all the peers; one after the other, a Service's endpoint goes, or comes back. */
export async function measureChanges(
  task: ChangeTask,
  ports: BgpPorts,
  sessionConfig: (peer: number) => BgpSessionConfig,
): Promise<ChangeFigures> {
  let writes = 0;
  let lastWrite = 0;
  const dial = watched(ports.dial, () => {
    writes++;
    lastWrite = performance.now();
  });
  const sessions = new Map<PeerName, BgpSession>();
  const here = on("a");
  const away = on("b");
  const services = new Map(
    Array.from({ length: task.services }, (_, n) => {
      const name = `service-${n}`;
      return [serviceKey("default", name), service(name, { ips: [hostText(n)], spec: local ?? {} })] as const;
    }),
  );
  const endpoints = new Map([...services.keys()].map((key) => [key, here]));
  const announcer = new Announcer({
    clock: ports.clock,
    log: silentLog,
    service: (key) => services.get(key),
    services: () => services.values(),
    endpoints: (key) => endpoints.get(key) ?? here,
    keyOf: ({ metadata }: Service) => serviceKey(metadata.namespace, metadata.name),
    tell: (changes) => tell(sessions, changes),
    announced: () => {},
    decided: () => {},
    flush: () => {},
    passed: () => {},
  });
  const peers = Array.from({ length: task.peers }, (_, n) => peer(`router-${n}`));
  announcer.reconfigure(
    prepareNode({
      ...base,
      config: config(pool("main", "20.0.0.0/8"), bgpAd("all"), ...peers),
      nodes: [node("a"), node("b")],
      nodeName: nodeName("a"),
    }),
  );
  await Promise.all(
    peers.map(({ name }, n) => {
      const session = new BgpSession({ ...ports, dial }, sessionConfig(n));
      sessions.set(name, session);
      session.setRoutes(announcer.routesOf(name));
      session.start();
      return established(session);
    }),
  );
  await pause(1000);
  const keys = [...services.keys()];
  const latencies: number[] = [];
  writes = 0;
  for (let n = 0; n < task.changes; n++) {
    const key = keys[(n * 7919) % keys.length];
    if (key === undefined) break;
    await pause(3);
    endpoints.set(key, endpoints.get(key) === here ? away : here);
    const start = performance.now();
    const before = writes;
    announcer.serviceChanged(key);
    // What did not leave at once is waited for: the next turn of the event loop, or the one after it.
    while (writes < before + task.peers) await pause(0);
    latencies.push(lastWrite - start);
  }
  return { latencies, writes };
}

function tell(sessions: ReadonlyMap<PeerName, BgpSession>, changes: readonly RouteChange[]): void {
  for (const [peerName, session] of sessions) {
    const own = changes.filter((change) => change.peer === peerName);
    if (own.length > 0) session.changeRoutes(own);
  }
}

function established(session: BgpSession): Promise<void> {
  return new Promise((resolve) => {
    const stop = session.onChange(({ state }) => {
      if (state !== "established") return;
      stop();
      resolve();
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
