import { nodeName } from "../api/brands.ts";
import type { NodeName } from "../api/config.ts";
import type { ApiServer } from "../apiserver/server.ts";
import { type Micros, millis, seconds } from "../net/micros.ts";
import type { GossipInspection } from "../speaker/gossip-messages.ts";
import type { Members, MembersHandlers } from "../speaker/members.ts";
import type { Clock, Timer } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { attempt } from "./attempt.ts";
import type { HealthCheck } from "./health-check.ts";
import { healthSlice, sliceName } from "./health-slice.ts";
import type { HostReport } from "./host-report.ts";
import { nodeObject } from "./node-object.ts";

export interface PeerHostsPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Who is alive. */
  readonly gossip: Members;
  readonly store: Pick<ApiServer["store"], "apply" | "delete">;
}

type Checked = Pick<HealthCheck, "namespace" | "service" | "probe">;
type Reference = Parameters<ApiServer["store"]["delete"]>[0];

interface Entry {
  readonly reference: Reference;
  readonly object: object;
  readonly text: string;
}

/** Until so long after a host was found the speaker has seen its Node: without, this one would elect itself alone. */
const SEEN_AFTER: Micros = millis(300);
/** A host repeats itself every 5 s: one that is not heard for so long is not known any more, while it may know of us. */
const FORGOTTEN_AFTER: Micros = seconds(20);

/** What a host said last. */
interface Heard {
  readonly labels: HostReport["labels"];
  /** The Services that work there; undefined when that is too long ago. */
  readonly ready: ReadonlySet<string> | undefined;
  readonly text: string;
  readonly forget: Timer | undefined;
}

/**
 * The hosts that answer for the same layer-2 addresses. Gossip says who is alive, and each of them what works there: both are laid
 * into this host's API, as a cluster would have them, so that all hosts elect alike. Who is alive and has not said what works there
 * is taken to be well: two that answer are worse than one that does not for a while.
 */
export class PeerHosts implements Members {
  readonly #ports: PeerHostsPorts;
  readonly #own: NodeName;
  readonly #namespace: string;
  readonly #heard = new Map<NodeName, Heard>();
  #checked: readonly Checked[] = [];
  #applied = new Map<string, Entry>();
  #view: ReadonlySet<NodeName> = new Set();
  #seen: Timer | undefined;

  constructor(ports: PeerHostsPorts, host: { readonly nodeName: string; readonly namespace: string }) {
    this.#ports = ports;
    this.#own = nodeName(host.nodeName);
    this.#namespace = host.namespace;
  }

  /** One of the others said what works there. */
  heard(report: HostReport): void {
    const name = nodeName(report.node);
    if (name === this.#own) {
      this.#ports.log.error("another host has the name of this one", { node: report.node });
      return;
    }
    const before = this.#heard.get(name);
    before?.forget?.cancel();
    const { labels, ready } = report;
    const text = JSON.stringify({ labels, ready });
    const forget = this.#ports.clock.after(FORGOTTEN_AFTER, () => this.#forget(name));
    this.#heard.set(name, { labels, ready: new Set(ready), text, forget });
    if (before?.text !== text) this.#settle();
  }

  /** It may be well again and not reach us: what it said before holds no longer. Its labels do not change while it runs. */
  #forget(name: NodeName): void {
    const labels = this.#heard.get(name)?.labels ?? {};
    this.#heard.set(name, { labels, ready: undefined, text: "", forget: undefined });
    if (this.#members().has(name))
      this.#ports.log.warn("another host is taken to be well: it says nothing any more", { node: name });
    this.#settle();
  }

  /** The Services that are announced by their health. */
  replace(checks: readonly Checked[]): void {
    this.#checked = [...new Map(checks.map((check) => [keyOf(check), check])).values()];
    this.#settle();
  }

  current(): ReadonlySet<NodeName> {
    return this.#view;
  }

  start(signal: AbortSignal, handlers: MembersHandlers): void {
    const { gossip } = this.#ports;
    gossip.start(signal, { ...handlers, changed: () => this.#changed(handlers.changed) });
    signal.addEventListener("abort", () => this.#cancel(), { once: true });
  }

  leave(): Promise<void> {
    return this.#ports.gossip.leave();
  }

  stop(): Promise<void> {
    this.#cancel();
    return this.#ports.gossip.stop();
  }

  #cancel(): void {
    this.#seen?.cancel();
    for (const { forget } of this.#heard.values()) forget?.cancel();
  }

  trouble(): string | undefined {
    return this.#ports.gossip.trouble?.();
  }

  inspect(): Promise<GossipInspection | undefined> {
    return this.#ports.gossip.inspect();
  }

  /** Who is gone is gone at once; who is new stands a moment later. */
  #changed(tell: () => void): void {
    const members = this.#members();
    this.#settle();
    this.#view = new Set([...members].filter((name) => this.#view.has(name)));
    this.#seen?.cancel();
    if (this.#view.size < members.size) {
      this.#seen = this.#ports.clock.after(SEEN_AFTER, () => {
        this.#view = members;
        tell();
      });
    }
    tell();
  }

  #members(): ReadonlySet<NodeName> {
    return this.#ports.gossip.current([]) ?? new Set();
  }

  /** Brings Nodes and endpoints of the others in line with what is known of them. */
  #settle(): void {
    const wanted = new Map(this.#entries().map((entry) => [JSON.stringify(entry.reference), entry]));
    // It may have gone with its namespace.
    for (const [key, { reference }] of this.#applied)
      if (!wanted.has(key)) attempt(() => this.#ports.store.delete(reference));
    for (const [key, { object, text }] of wanted) if (this.#applied.get(key)?.text !== text) this.#apply(object);
    this.#applied = wanted;
  }

  /** The dead stay as they were: elections leave them out, and one that comes back is known again. */
  #entries(): readonly Entry[] {
    const names = new Set([...this.#members(), ...this.#heard.keys()]);
    names.delete(this.#own);
    return [...names].toSorted().flatMap((name) => {
      const heard = this.#heard.get(name);
      const host = { namespace: this.#namespace, nodeName: name, nodeLabels: heard?.labels ?? {} };
      const node = entry({ apiVersion: "v1", kind: "Node", name }, nodeObject(host, undefined));
      return [node, ...this.#checked.map((check) => this.#slice(check, name, heard?.ready))];
    });
  }

  #slice(check: Checked, host: NodeName, known: Heard["ready"]): Entry {
    const { namespace, service } = check;
    const name = sliceName(service, host);
    const ready = known?.has(keyOf(check)) ?? true;
    const reference = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", namespace, name };
    return entry(reference, healthSlice(check, host, { ready, name }));
  }

  /** A name that no object can have is one host less to elect, not the end of this one. */
  #apply(object: object): void {
    const refusal = attempt(() => this.#ports.store.apply(object));
    if (refusal !== undefined) this.#ports.log.error("what another host says was not taken", errorFields(refusal));
  }
}

function entry(reference: Reference, object: object): Entry {
  return { reference, object, text: JSON.stringify(object) };
}

function keyOf({ namespace, service }: Checked): string {
  return `${namespace}/${service}`;
}
