import type { Decision } from "../announcement/decision.ts";
import type { NodeName, ServiceKey } from "../api/config.ts";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { Informer, type InformerPorts } from "../kubernetes/informer.ts";
import { findOwnPod } from "../kubernetes/own-pod.ts";
import { SERVICE_BGP_STATUSES, SERVICE_L2_STATUSES } from "../kubernetes/resource.ts";
import { seconds } from "../net/micros.ts";
import type { QueueNumbers, WatchNumbers } from "../telemetry/shared-metrics.ts";
import {
  BGP_STATUS,
  L2_STATUS,
  type StatusAuthor,
  type StatusClaim,
  type StatusRecord,
  stripStatus,
} from "./service-status.ts";
import { ServiceStatusWriter } from "./service-status-writer.ts";

export interface ServiceStatusesPorts extends InformerPorts {
  readonly client: KubernetesClient;
}

export interface ServiceStatusesOptions {
  readonly namespace: string;
  readonly nodeName: NodeName;
  /** This speaker's pod, where it runs in one. */
  readonly podName?: string | undefined;
}

/** Labels take no longer values, so that a node with a longer name is found by what the status says. */
const LONGEST_LABEL = 63;
/** A speaker that begins takes so long to announce what it announced before. */
const SETTLED_AFTER = seconds(10);

/** What this node says of each Service in ServiceL2Status and ServiceBGPStatus, and what the others say. */
export class ServiceStatuses {
  readonly #ports: ServiceStatusesPorts;
  readonly #options: ServiceStatusesOptions;
  readonly #bgp: ServiceStatusWriter;
  readonly #l2: ServiceStatusWriter;
  readonly #bgpRecords: Informer<StatusRecord>;
  /** The ServiceL2Statuses of all nodes. */
  readonly l2Records: Informer<StatusRecord>;
  #author: StatusAuthor;

  constructor(ports: ServiceStatusesPorts, options: ServiceStatusesOptions) {
    this.#ports = ports;
    this.#options = options;
    const { namespace, nodeName } = options;
    this.#author = { node: nodeName, namespace, pod: undefined };
    this.l2Records = new Informer<StatusRecord>(ports, {
      resource: SERVICE_L2_STATUSES,
      namespace,
      strip: (raw) => stripStatus(L2_STATUS, raw),
    });
    this.#bgpRecords = new Informer<StatusRecord>(ports, {
      resource: SERVICE_BGP_STATUSES,
      namespace,
      // Of a hundred nodes, the others' are no business of this one's.
      labelSelector: nodeName.length > LONGEST_LABEL ? undefined : `metallb.io/node=${nodeName}`,
      strip: (raw) => stripStatus(BGP_STATUS, raw),
    });
    const author = (): StatusAuthor => this.#author;
    this.#l2 = new ServiceStatusWriter({ ...ports, records: this.l2Records }, L2_STATUS, author);
    this.#bgp = new ServiceStatusWriter({ ...ports, records: this.#bgpRecords }, BGP_STATUS, author);
  }

  /** The work that waits. */
  queues(): readonly QueueNumbers[] {
    return [this.#l2.queue("servicel2statuses"), this.#bgp.queue("servicebgpstatuses")];
  }

  /** How the watches of these kinds fare. */
  watches(): readonly WatchNumbers[] {
    return [this.l2Records.reading, this.#bgpRecords.reading];
  }

  /** Watches and writes until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    this.l2Records.start(signal);
    this.#bgpRecords.start(signal);
    const pod = await findOwnPod(this.#ports, this.#options, signal);
    this.#author = { ...this.#author, pod };
    await Promise.all([this.#l2.run(signal), this.#bgp.run(signal)]);
  }

  /** Everything was decided once: what an earlier life of this speaker left behind, and nobody says again soon, goes. */
  settle(signal: AbortSignal): void {
    void pause(this.#ports.clock, SETTLED_AFTER, signal).then(() => {
      if (signal.aborted) return;
      this.#l2.settle();
      this.#bgp.settle();
    });
  }

  /** What this node announces of a Service by BGP. */
  decided(service: ServiceKey, decision: Decision | undefined): void {
    const peers = [...new Set((decision?.bgp ?? []).map(({ peer }) => peer))].toSorted();
    this.#bgp.say(service, peers.length === 0 ? undefined : { names: peers, addresses: undefined });
  }

  /** Others answer from now on: they say so, and delete what this node said. */
  leaveLayer2(): void {
    this.#l2.leave();
  }

  sayLayer2(service: ServiceKey, claim: StatusClaim | undefined): void {
    this.#l2.say(service, claim);
  }
}
