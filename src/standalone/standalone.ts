import { setMaxListeners } from "node:events";
import { type ApiServer, type ApiServerOptions, createApiServer } from "../apiserver/server.ts";
import { Controller } from "../controller/controller.ts";
import { KubernetesClient } from "../kubernetes/client.ts";
import type { ClientConfig } from "../kubernetes/kubeconfig.ts";
import type { Members } from "../speaker/members.ts";
import { Speaker, type SpeakerOptions, type SpeakerPorts } from "../speaker/speaker.ts";
import type { Clock, WallClock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import type { Log } from "../telemetry/log.ts";
import { ConfigError } from "../wire/errors.ts";
import { AddressMemory } from "./address-memory.ts";
import { type FolderContent, type FolderVerdict, readFolder, type TryOut } from "./folder-content.ts";
import { titleOf } from "./folder-object.ts";
import { followFolder } from "./follow-folder.ts";
import { Gate } from "./gate.ts";
import { HEALTH_CHECK_DEFINITION } from "./health-check-definition.ts";
import { HealthMonitor } from "./health-monitor.ts";
import type { Host } from "./host.ts";
import type { HostReport } from "./host-report.ts";
import { asSharedService, unpinned } from "./local-traffic.ts";
import type { FolderReading } from "./manifest-source.ts";
import { PeerHosts } from "./peer-hosts.ts";
import type { RunProbe } from "./prober.ts";
import type { ReportExchange, ReportExchangePorts } from "./report-exchange.ts";
import { NOTHING, type Recollection, type Remembered } from "./state-file.ts";
import { StoreSync } from "./store-sync.ts";

/** What a host without Kubernetes is made of. */
export interface StandalonePorts {
  readonly clock: Clock;
  readonly wallClock: WallClock;
  readonly random: Random;
  readonly log: Log;
  readonly read: () => FolderReading;
  /** Calls back when the folder has changed, or somebody asks to read it again. */
  readonly watch: (changed: () => void) => { close(): void };
  readonly runProbe: RunProbe;
  /** What outlives the process; absent, nothing does. */
  readonly state?: { read(): Recollection; write(state: Remembered): void };
  /** The machine as sessions and layer 2 use it. */
  readonly machine: Omit<SpeakerPorts, "client" | "clock" | "wallClock" | "random" | "log" | "members">;
  /** The other hosts that answer for the same layer-2 addresses; absent, this one is alone. */
  readonly others?: OtherHosts;
  /** Told when the API answers and the speaker is there; what it returns is called at the end. */
  readonly started?: (running: Running) => Promise<{ close(): void }>;
}

/** How other hosts are found alive, and told what works here. */
export interface OtherHosts {
  readonly gossip: Members;
  /** Begins to tell and to listen, until the signal is aborted. */
  readonly exchange: (
    ports: Pick<ReportExchangePorts, "report" | "heard">,
    signal: AbortSignal,
  ) => Promise<Pick<ReportExchange, "changed">>;
}

/** What can be looked into while it runs. */
export interface Running {
  readonly api: ApiServer;
  readonly speaker: Speaker;
  readonly client: KubernetesClient;
  /** What is wrong with the folder as it is now; what it last said while it was good is what is announced. */
  faults(): readonly string[];
}

export interface StandaloneOptions {
  readonly host: Host;
  /** How the API is served; only this process and whoever has the kubeconfig should reach it. */
  readonly api: Omit<ApiServerOptions, keyof CustomKinds>;
  readonly kinds: CustomKinds;
  readonly clientConfig: (api: ApiServer) => ClientConfig;
  readonly speaker: Omit<SpeakerOptions, "namespace" | "nodeName">;
}

/** The kinds that Herald brings. */
export type CustomKinds = Pick<ApiServerOptions, "crds" | "convert">;

/** The folder is not usable, and there is no earlier state to go on with. */
export class FolderRefused extends ConfigError {
  readonly code = "ERR_STANDALONE_FOLDER_REFUSED";

  constructor(faults: readonly string[]) {
    super(`the manifests cannot be used:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
  }
}

/** More checks at a time would measure each other. */
const CHECKS_AT_ONCE = 16;

/** What is said of a folder as a whole. */
export type Judge = (reading: FolderReading) => FolderVerdict;

/** Judges folders, with everything that an API server would say of them. */
export function folderJudge(
  ports: Pick<StandalonePorts, "wallClock" | "log">,
  { host, kinds }: Pick<StandaloneOptions, "host" | "kinds">,
): Judge {
  const tryOut = trial(ports, host, kinds);
  return (reading) => readFolder(reading, host, tryOut);
}

/** Herald on a host without Kubernetes, until the signal is aborted. @throws FolderRefused */
export async function runStandalone(
  ports: StandalonePorts,
  options: StandaloneOptions,
  signal: AbortSignal,
): Promise<void> {
  const { read, log } = ports;
  const { remembered, problem } = ports.state?.read() ?? { remembered: NOTHING, problem: undefined };
  if (problem !== undefined) log.error("state file not used", { reason: problem });
  const judge = folderJudge(ports, options);
  const first = firstReading(read(), remembered, judge, log);
  await using api = createApiServer(ports, { ...options.api, ...withChecks(options.kinds) });
  await api.start();
  await new Standalone(ports, options, { api, judge, remembered, first }).run(signal);
}

/** The folder as it is, or as it last was good: a host must come back after a reboot although somebody broke a file meanwhile. */
function firstReading(reading: FolderReading, { sources }: Remembered, judge: Judge, log: Log): Taken {
  const { content, faults } = judge(reading);
  if (content !== undefined) return { reading, content };
  const before = sources === undefined ? undefined : { sources, faults: [] };
  const last = before === undefined ? undefined : judge(before);
  if (before === undefined || last?.content === undefined) throw new FolderRefused(faults);
  log.error("manifests refused, started with the last good ones", { faults });
  return { reading: before, content: last.content, faults };
}

interface Taken {
  readonly reading: FolderReading;
  readonly content: FolderContent;
  /** Of the folder in the place of which this was taken. */
  readonly faults?: readonly string[];
}

interface Beginning {
  readonly api: ApiServer;
  readonly judge: Judge;
  readonly remembered: Remembered;
  readonly first: Taken;
}

class Standalone {
  readonly #ports: StandalonePorts;
  readonly #options: StandaloneOptions;
  readonly #api: ApiServer;
  readonly #judge: Judge;
  readonly #sync: StoreSync;
  readonly #monitor: HealthMonitor;
  readonly #memory: AddressMemory;
  readonly #peers: PeerHosts | undefined;
  #exchange: Pick<ReportExchange, "changed"> | undefined;
  #faults: readonly string[];
  /** The last folder that was looked at, good or not: the same again is no news. */
  #seen: string;

  constructor(ports: StandalonePorts, options: StandaloneOptions, { api, judge, remembered, first }: Beginning) {
    const { nodeName } = options.host;
    this.#ports = ports;
    this.#options = options;
    this.#api = api;
    this.#judge = judge;
    this.#sync = new StoreSync(api.store, options.host);
    const settled = (): void => this.#exchange?.changed();
    const gate = new Gate(CHECKS_AT_ONCE);
    this.#monitor = new HealthMonitor({ ...ports, store: api.store, gate, settled }, nodeName);
    this.#memory = new AddressMemory(ports, remembered);
    const gossip = ports.others?.gossip;
    this.#peers = gossip && new PeerHosts({ ...ports, gossip, store: api.store }, options.host);
    this.#faults = first.faults ?? [];
    this.#seen = JSON.stringify(first.reading);
    this.#take(first);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, watch, machine, started } = this.#ports;
    const { host, speaker: speakerOptions, clientConfig } = this.#options;
    const stop = new AbortController();
    const until = AbortSignal.any([stop.signal, signal]);
    // Some dozens of watches listen to it: no leak.
    setMaxListeners(0, until);
    const config = clientConfig(this.#api);
    const client = (): KubernetesClient => new KubernetesClient(this.#ports, config);
    const named = { ...speakerOptions, namespace: host.namespace, nodeName: host.nodeName };
    const forController = client();
    const forSpeaker = client();
    const controller = new Controller(
      { ...this.#ports, client: forController, log: log.child({ part: "controller" }) },
      named,
    );
    const members = this.#peers === undefined ? {} : { members: this.#peers };
    const speaker = new Speaker(
      { ...machine, ...members, ...this.#base(), client: forSpeaker, log: log.child({ part: "speaker" }) },
      named,
    );
    let running: readonly Promise<void>[] = [];
    let open: { close(): void } | undefined;
    try {
      await this.#meetOthers(until);
      this.#memory.follow(forController, until);
      controller.start(until);
      running = [
        // There is one controller and it is in this process: nobody to compete with for a Lease.
        controller.lead(until),
        speaker.run(until),
        followFolder({ clock, watch, look: () => this.#look() }, until),
      ];
      open = await started?.({ api: this.#api, speaker, client: forSpeaker, faults: () => this.#faults });
      await Promise.all(running);
    } finally {
      stop.abort();
      await this.#monitor.stop();
      await Promise.allSettled(running);
      open?.close();
      forController.close();
      forSpeaker.close();
    }
  }

  async #meetOthers(signal: AbortSignal): Promise<void> {
    const { nodeName: node, nodeLabels: labels } = this.#options.host;
    const report = (): HostReport => ({ node, labels, ready: this.#monitor.ready });
    const heard = (other: HostReport): void => this.#peers?.heard(other);
    this.#exchange = await this.#ports.others?.exchange({ report, heard }, signal);
  }

  /** Reads the folder, and takes it as a whole or not at all. */
  #look(): void {
    const { log, read } = this.#ports;
    const reading = read();
    const text = JSON.stringify(reading);
    if (text === this.#seen) return;
    this.#seen = text;
    const { content, faults } = this.#judge(reading);
    this.#faults = faults ?? [];
    if (content === undefined) {
      log.error("manifests refused, the last good ones stay", { faults });
      return;
    }
    this.#take({ reading, content });
  }

  #take({ reading, content: { objects, checks, notes } }: Taken): void {
    const { log } = this.#ports;
    const shared = this.#peers !== undefined;
    const wanted = shared ? objects.map((object) => asSharedService(object, checks)) : objects;
    // All were tried out: what is refused here stands against something that others changed through the API.
    for (const { object, message } of this.#sync.replace(wanted, this.#memory.addresses))
      log.error("object not taken", { file: object.file, object: titleOf(object), reason: message });
    this.#monitor.replace(checks);
    this.#peers?.replace(checks);
    this.#memory.took(reading.sources, objects);
    const all = shared ? [...notes, ...unpinned(objects)] : notes;
    log.info("manifests taken", { objects: objects.length, checks: checks.length, notes: all });
  }

  #base(): Pick<StandalonePorts, "clock" | "wallClock" | "random"> {
    const { clock, wallClock, random } = this.#ports;
    return { clock, wallClock, random };
  }
}

/** A second store, in which the folder is tried: what is refused there has changed nothing here. It is empty between trials. */
function trial(ports: Pick<StandalonePorts, "wallClock" | "log">, host: Host, kinds: CustomKinds): TryOut {
  const { store } = createApiServer(ports, { host: "127.0.0.1", port: 0, ...withChecks(kinds) });
  return (objects) => {
    const sync = new StoreSync(store, host);
    const refused = sync.replace(objects, {});
    sync.replace([], {});
    return refused;
  };
}

function withChecks(kinds: CustomKinds): CustomKinds {
  return { ...kinds, crds: [...kinds.crds, HEALTH_CHECK_DEFINITION] };
}
