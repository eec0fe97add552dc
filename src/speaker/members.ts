import { nodeName } from "../api/brands.ts";
import type { NodeName } from "../api/config.ts";
import type { Node } from "../api/core.ts";
import type { GossipInspection } from "./gossip-messages.ts";
import type { SpeakerPods } from "./members-pods.ts";

/** Who among the speakers is alive: only they stand for election at layer 2. */
export interface Members {
  /** Undefined takes every known node for one that has a speaker. */
  current(nodes: readonly Node[]): ReadonlySet<NodeName> | undefined;
  /** Begins to look. */
  start(signal: AbortSignal, handlers: MembersHandlers): void;
  /** Tells the others that this speaker goes, where there is a way; resolves when it was told, or soon. */
  leave(): Promise<void>;
  stop(): Promise<void>;
  /** Why nobody can be heard just now, in words. */
  trouble?(): string | undefined;
  /** What gossip knows; undefined where there is none. */
  inspect(): Promise<GossipInspection | undefined>;
}

export interface MembersHandlers {
  changed(): void;
  /** These said goodbye. */
  left(members: readonly string[]): void;
  /** One is heard that had not said goodbye, as after a partition: until now both may have answered for the same. */
  met(): void;
}

/** Every known node has a speaker, and all of them live. */
export const everyone: Members = {
  current: () => undefined,
  start: () => {},
  leave: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  inspect: () => Promise.resolve(undefined),
};

/** What Kubernetes knows: nodes that are Ready, with a Ready speaker where its pods can be seen. Slow, but everyone sees the same. */
export class KubernetesMembers implements Members {
  readonly #pods: Pick<SpeakerPods, "start" | "onChange" | "readyNodes"> | undefined;

  constructor(pods: Pick<SpeakerPods, "start" | "onChange" | "readyNodes"> | undefined) {
    this.#pods = pods;
  }

  current(nodes: readonly Node[]): ReadonlySet<NodeName> {
    const ready = nodes.filter(isReady).map(({ metadata }) => nodeName(metadata.name));
    const speaking = this.#pods?.readyNodes();
    // Without pods, speakers run as plain processes, or their labels are others: nodes are all there is to see.
    if (speaking === undefined || speaking.size === 0) return new Set(ready);
    return new Set(ready.filter((name) => speaking.has(name)));
  }

  start(signal: AbortSignal, { changed }: MembersHandlers): void {
    this.#pods?.onChange(changed);
    this.#pods?.start(signal);
  }

  leave(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  inspect(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** A node that nobody watches over, as in a lab, has no such condition, and counts. */
function isReady({ status }: Node): boolean {
  return status?.conditions?.some((one) => one.type === "Ready" && one.status !== "True") !== true;
}
