import type { Labels } from "../allocation/pool-directory.ts";
import { peerName } from "../api/brands.ts";
import type { Config, InvalidObject, Peer } from "../api/config.ts";
import type { Node, Service } from "../api/core.ts";
import { drainRequest } from "../api/node-drain.ts";
import type { Lost, Move } from "../inspection/move.ts";
import type { SessionItem } from "../inspection/session-view.ts";
import type { Layer2View, MembersView } from "../inspection/state-view.ts";
import type { AllocationSurvey, SurveyInput } from "./allocation-survey.ts";
import { Journal } from "./journal.ts";
import { Layer2Board } from "./layer2-board.ts";
import type { EventData, ServiceRefusal, Source } from "./model.ts";
import { PoolBoard } from "./pool-board.ts";
import { ServiceBoard, type ServiceScope } from "./service-board.ts";
import type { Announcement } from "./service-judgement.ts";
import { SessionBoard } from "./session-board.ts";

/** A node as the API has it. */
interface NodeFact {
  readonly name: string;
  /** Why it is drained; undefined when nobody asked for that. */
  readonly drained: string | undefined;
}

/** What the metallb.io objects say, and which of them say nothing. */
export interface ConfigFacts {
  readonly config: Pick<Config, "pools" | "peers">;
  readonly invalid: readonly InvalidObject[];
}

/**
 * All that the looking glass knows. The feeds tell it what they hear, one thing at a time, and the views are made from it. It has no
 * effects and no clock of its own; what takes long is done in steps by whoever drives it.
 */
export class Board {
  readonly #now: () => Date;
  readonly sessions = new SessionBoard();
  readonly layer2 = new Layer2Board();
  readonly pools = new PoolBoard();
  readonly journal = new Journal();
  readonly services: ServiceBoard;
  readonly #sources = new Map<string, Source>();
  readonly #changedSources = new Set<string>();
  #nodes: ReadonlyMap<string, NodeFact> = new Map();
  #facts: ConfigFacts = { config: { pools: new Map(), peers: new Map() }, invalid: [] };
  #namespaces: ReadonlyMap<string, Labels> = new Map();
  #loadBalancerClass: string | undefined;
  #surveyDue = false;
  #factsChanged = false;

  constructor(now: () => Date) {
    this.#now = now;
    const reach = this.sessions.reach.bind(this.sessions);
    const isSilent = this.layer2.isSilent.bind(this.layer2);
    this.services = new ServiceBoard({ now: () => this.at(), reach, isSilent });
  }

  at(): string {
    return this.#now().toISOString();
  }

  get sources(): readonly Source[] {
    return [...this.#sources.values()].sort(byKindAndName);
  }

  /** Speakers that do not answer. */
  get silent(): readonly Source[] {
    return this.sources.filter(({ kind, state }) => kind === "speaker" && state === "silent");
  }

  get nodes(): ReadonlyMap<string, NodeFact> {
    return this.#nodes;
  }

  get invalid(): readonly InvalidObject[] {
    return this.#facts.invalid;
  }

  peer(name: string): Peer | undefined {
    return this.#facts.config.peers.get(peerName(name));
  }

  setSource({ name, kind, state, message }: Omit<Source, "since">): void {
    const before = this.#sources.get(name);
    if (before?.state === state && before.message === message) return;
    const since = before?.state === state ? before.since : this.at();
    this.#sources.set(name, { name, kind, state, message, since });
    this.#changedSources.add(name);
    if (kind !== "speaker" || state !== "silent") return;
    this.sessions.silence(name, this.at());
    this.layer2.silence(name);
    this.services.markNode(name);
  }

  removeSource(name: string): void {
    if (!this.#sources.delete(name)) return;
    this.#changedSources.add(name);
    for (const peer of this.sessions.peersOf(name)) this.removeSession(name, peer);
    this.layer2.forget(name, this.at());
  }

  observeSession(item: SessionItem): void {
    if (this.sessions.observe(item, this.at())) this.services.markNode(item.node);
  }

  removeSession(node: string, peer: string): void {
    if (this.sessions.remove(node, peer)) this.services.markNode(node);
  }

  observeLayer2(view: Layer2View): void {
    if (this.layer2.observe(view)) this.services.markNode(view.node);
  }

  observeMembers(view: MembersView): void {
    this.layer2.observeMembers(view);
  }

  /** A move of a node, or how many of its moves nobody could tell. */
  observeMove(told: Move | Lost): void {
    if ("lost" in told) return;
    this.journal.record(told);
    this.layer2.moved(told);
    if (told.service !== undefined) this.#noteRefusal(told, told.service);
  }

  /** `bgp` and `layer2` of one node under one id. */
  setAnnouncement(id: string, announcement: Announcement | undefined): void {
    this.services.setAnnouncement(id, announcement);
  }

  setRefusals(service: string, node: string, refusals: readonly ServiceRefusal[]): void {
    this.services.setRefusals(service, node, refusals);
  }

  setService(key: string, service: Service | undefined): void {
    this.services.setService(key, service);
    this.#surveyDue = true;
  }

  setEndpoints(key: string, endpoints: { readonly any: boolean; readonly count: number } | undefined): void {
    this.services.setEndpoints(key, endpoints);
  }

  setScope(scope: ServiceScope, loadBalancerClass: string | undefined): void {
    const { api, endpoints, announcements } = this.services.scope;
    this.#loadBalancerClass = loadBalancerClass;
    if (api === scope.api && endpoints === scope.endpoints && announcements === scope.announcements) return;
    this.services.setScope(scope);
    this.#surveyDue = scope.api;
  }

  setConfig(facts: ConfigFacts): void {
    this.#facts = facts;
    this.#surveyDue = true;
    this.#factsChanged = true;
  }

  setNamespaces(namespaces: ReadonlyMap<string, Labels>): void {
    this.#namespaces = namespaces;
    this.#surveyDue = true;
  }

  setNodes(nodes: readonly Node[]): void {
    const facts = nodes.map((node) => ({ name: node.metadata.name, drained: drainRequest(node)?.why }));
    this.#nodes = new Map(facts.map((fact) => [fact.name, fact]));
    this.#factsChanged = true;
  }

  /** What a survey of the pools is to look at; undefined when nothing changed since the last one. */
  takeSurvey(): SurveyInput | undefined {
    if (!this.#surveyDue) return undefined;
    this.#surveyDue = false;
    return {
      services: [...this.services.services()],
      pools: this.#facts.config.pools,
      namespaces: this.#namespaces,
      loadBalancerClass: this.#loadBalancerClass,
    };
  }

  takeSurveyed({ outcomes, pools }: AllocationSurvey): void {
    for (const [key, outcome] of outcomes) this.services.setOutcome(key, outcome);
    this.pools.take(pools, this.#now().getTime());
  }

  /** Sources that changed since this was asked last, and those that are no longer asked. */
  takeSourceChanges(): EventData["sources"] {
    const changed = [...this.#changedSources];
    this.#changedSources.clear();
    const gone = changed.filter((name) => !this.#sources.has(name));
    return { sources: changed.flatMap((name) => this.#sources.get(name) ?? []), gone };
  }

  /** Whether Nodes or metallb.io objects were read since this was asked last: they have no event of their own. */
  takeFactsChanged(): boolean {
    const changed = this.#factsChanged;
    this.#factsChanged = false;
    return changed;
  }

  /** With an API only statuses say what is announced, and moves why not. */
  #noteRefusal({ type, node, reason = "", message = "", protocol = "bgp" }: Move, service: string): void {
    if (type === "refused") this.services.setRefusals(service, node, [{ node, protocol, reason, message }]);
    else if (type === "announced") this.services.setRefusals(service, node, []);
  }
}

function byKindAndName(a: Source, b: Source): number {
  if (a.kind !== b.kind) return a.kind === "api" ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
