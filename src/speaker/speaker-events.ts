import { createHash } from "node:crypto";
import type { Protocol } from "../announcement/refusal.ts";
import type { InvalidObject } from "../api/config.ts";
import type { Service } from "../api/core.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { type EventContent, EventRecorder, type EventRecorderPorts } from "../kubernetes/event-recorder.ts";
import { millis } from "../net/micros.ts";
import type { Unsupported } from "./session-config.ts";

/** Of a thousand nodes that announce a Service to routers, so many or about so many say so: the rest is in ServiceBGPStatus. */
const TELLING_NODES = 16;
const PACE = { burst: 50, interval: millis(200) };
/** Of what is said of thousands of Services alike so much waits at a time: other news goes before the rest of it. */
const MASS = 50;

/** What the speaker says of Services and of its node, where people look for it. */
export class SpeakerEvents {
  readonly #log: EventRecorderPorts["log"];
  readonly #recorder: EventRecorder;
  readonly #node: string;
  #unsupported: readonly Unsupported[] = [];
  /** Of how many speakers this is one. */
  #speakers = 1;

  constructor(ports: EventRecorderPorts, node: string) {
    this.#log = ports.log;
    this.#recorder = new EventRecorder(ports, { component: "metallb-speaker", host: node, pace: PACE });
    this.#node = node;
  }

  ofNode(content: EventContent): void {
    // What a kubelet says of its node carries the name as uid, and kubectl looks for that.
    this.#recorder.record({ apiVersion: "v1", kind: "Node", name: this.#node, uid: this.#node }, content);
  }

  ofService(service: Service, content: EventContent): void {
    this.#recorder.record({ apiVersion: "v1", kind: "Service", ...service.metadata }, content);
  }

  /** How many more things of those that there are thousands of may wait to be written. */
  get room(): number {
    return Math.max(MASS - this.#recorder.waiting, 0);
  }

  /** How many speakers there are: the more, the fewer of them tell of the same. Who knows of none yet goes by the nodes. */
  among(speakers: number, nodes: number): void {
    this.#speakers = speakers === 0 ? nodes : speakers;
  }

  announced(service: Service, protocol: Protocol): void {
    if (protocol === "bgp" && !this.#tells(service)) return;
    const message = `announcing from node "${this.#node}" with protocol "${protocol}"`;
    this.ofService(service, { type: "Normal", reason: "nodeAssigned", message });
  }

  /** By the names alone, so that it is the same ones after a restart. */
  #tells(service: Service): boolean {
    if (this.#speakers <= TELLING_NODES) return true;
    const digest = createHash("sha256")
      .update(`${this.#node}#${keyOfService(service)}`)
      .digest();
    return digest.readUInt32BE(0) % this.#speakers < TELLING_NODES;
  }

  /** Fields of peers that this node cannot honour: each is said once. */
  unsupported(fields: readonly Unsupported[]): void {
    const said = new Set(this.#unsupported.map(({ peer, field }) => `${peer} ${field}`));
    for (const { peer, field, effect, reason } of fields) {
      if (said.has(`${peer} ${field}`)) continue;
      this.#log.error("field of a peer is not supported", { peer, field, effect, reason });
      if (effect === "ignored") continue;
      const message = `no session with BGPPeer ${peer}: this node does not support its ${field}`;
      this.ofNode({ type: "Warning", reason: "PeerNotSupported", message });
    }
    this.#unsupported = fields;
  }

  /** Writes what it can write in a moment, and says nothing more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorder[Symbol.asyncDispose]();
  }
}

/** A peer that this node has no session with is invalid here, whatever it is elsewhere. */
export function unsupportedObjects(fields: readonly Unsupported[], namespace: string): readonly InvalidObject[] {
  return fields
    .filter(({ effect }) => effect === "no-session")
    .map(({ peer, field, reason }) => {
      const message = `${field} is not supported on this node (${reason})`;
      return { kind: "BGPPeer", namespace, name: peer, problems: [], message };
    });
}
