import type { NodeName, ServiceKey } from "../api/config.ts";
import { compareTexts } from "../api/raw-object.ts";
import { keyOfService } from "../api/service-addresses.ts";
import { EvenSpread } from "../layer2/spread.ts";
import { compareAddresses } from "../net/ip-address.ts";
import { type Candidates, candidatesOf, incumbentOf } from "./candidates.ts";
import type { ClusterContext } from "./cluster-context.ts";
import {
  type Elected,
  type ServiceState,
  type Standing,
  type Survey,
  surveyService,
  type Unelected,
} from "./service-survey.ts";

/** Services that elect together, because they have addresses in common: one node answers for an address. */
interface Party {
  /** In name order. */
  readonly members: readonly ServiceKey[];
  /** The lowest of the addresses that each of them would elect by. */
  readonly address: string;
}

/** Where a party ends up: by itself, or as the spread has it among these nodes. */
type Choice = Elected | { readonly among: readonly NodeName[]; readonly electedBy: "spread" | "sticky" };

/** Who cannot wait for millions of hashes. */
export interface ElectionPace {
  /** Whether this node wins is always known at once; which of the others does may come later. */
  readonly home: NodeName;
  /** The most hashes for one change, or for all Services there are. */
  readonly hashes: number;
}

const NOBODY: Elected = { winner: undefined, electedBy: "digest" };

/**
 * The surveys of all Services with who won them: who answers for one may depend on the others. Told of every Service that comes,
 * changes or goes, it says which are to be decided again.
 */
export class Elections {
  #cluster: ClusterContext;
  readonly #surveys = new Map<ServiceKey, Unelected>();
  /** The Services that stand for election with an address. */
  readonly #holders = new Map<string, Set<ServiceKey>>();
  readonly #parties = new Map<ServiceKey, Party>();
  readonly #elected = new Map<Party, Elected>();
  /** The parties whose node the spread decides, by address. */
  readonly #even = new Map<string, Party>();
  readonly #spread: EvenSpread<NodeName>;
  readonly #names = new WeakMap<Candidates["favourites"], readonly NodeName[]>();
  readonly #pace: ElectionPace | undefined;
  /** The parties that went to another node than home, and nobody knows yet to which. */
  readonly #unnamed = new Map<Party, Candidates>();
  #hashesLeft = Number.POSITIVE_INFINITY;
  /** What is to be spread evenly, while not all Services are entered. */
  #waiting: Map<string, readonly NodeName[]> | undefined;
  /** The same while it is being spread. */
  #spreading: Map<string, readonly NodeName[]> | undefined;
  /** While Services are surveyed nobody votes: who shares with whom is not known yet. */
  #surveying = false;

  /** Without a pace every winner is known at once. */
  constructor(cluster: ClusterContext, pace?: ElectionPace, spread = new EvenSpread<NodeName>()) {
    this.#cluster = cluster;
    this.#pace = pace;
    this.#spread = spread;
  }

  /** Elections by another view of the cluster, into which all Services are still to be entered. */
  successor(cluster: ClusterContext): Elections {
    return new Elections(cluster, this.#pace, this.#spread);
  }

  /** Takes another view of the cluster and all Services there are, at once; all of them are to be decided again. */
  reconfigure(cluster: ClusterContext, services: Iterable<ServiceState>): void {
    this.#cluster = cluster;
    for (const memo of [this.#surveys, this.#holders, this.#parties, this.#elected, this.#even, this.#unnamed])
      memo.clear();
    const states = new Map([...services].map((state) => [keyOfService(state.service), state]));
    for (const _ of this.enter(states.keys(), (key) => states.get(key)));
    for (const _ of this.spread());
  }

  /**
   * Takes Services, one at each step, into elections that have none. `put` and `remove` tell of what changes between two steps, so that
   * it comes to the same as taking at once what there is at the last step. What is spread evenly has no winner before `spread`.
   */
  *enter(keys: Iterable<ServiceKey>, stateOf: (key: ServiceKey) => ServiceState | undefined): Generator<void, void> {
    this.#hashesLeft = this.#pace?.hashes ?? Number.POSITIVE_INFINITY;
    this.#waiting = new Map();
    this.#surveying = true;
    for (const key of keys) {
      const state = this.#surveys.has(key) ? undefined : stateOf(key);
      if (state !== undefined) this.#enter(state);
      yield;
    }
    this.#surveying = false;
    // As they are now: what changes later is entered by itself and comes last, again and again.
    for (const key of [...this.#surveys.keys()]) {
      this.#reform([key]);
      yield;
    }
  }

  /** Spreads what is to be even. From now on elections that this one succeeds must not be used any more. */
  *spread(): Generator<void, void> {
    const wanted = this.#waiting ?? new Map<string, readonly NodeName[]>();
    this.#waiting = undefined;
    this.#spreading = wanted;
    yield* this.#spread.replace(wanted);
    this.#spreading = undefined;
    this.#readSpread(wanted.keys());
  }

  /** Takes a Service that is new or changed, and returns those to decide again, itself among them. */
  put(state: ServiceState): readonly ServiceKey[] {
    const key = keyOfService(state.service);
    return [...new Set([key, ...this.#change(key, () => this.#enter(state))])];
  }

  /** Forgets a Service, and returns the others to decide again. */
  remove(key: ServiceKey): readonly ServiceKey[] {
    return this.#change(key, () => {}).filter((other) => other !== key);
  }

  /** The Services it was told of. */
  keys(): Iterable<ServiceKey> {
    return this.#surveys.keys();
  }

  /** How many elections wait for `nameWinners`. */
  get unnamed(): number {
    return this.#unnamed.size;
  }

  /** Finds out who else has won where only home was asked for: one election at each step, with the Services to decide again. */
  *nameWinners(): Generator<readonly ServiceKey[], void> {
    for (const [party, { favourites }] of this.#unnamed) {
      this.#unnamed.delete(party);
      this.#elected.set(party, this.#electByDigest(party, favourites));
      yield party.members;
    }
  }

  /** What `decideSurvey` decides on; undefined for a Service it was not told of. */
  survey(key: ServiceKey): Survey | undefined {
    const survey = this.#surveys.get(key);
    if (survey?.type !== "standing") return survey;
    const party = this.#parties.get(key);
    const electionAddress = party?.address ?? survey.first.text;
    return { ...survey, type: "surveyed", electionAddress, ...this.#outcome(party) };
  }

  /** Lets those it shared with, and those it will share with, elect again. Returns the Services with another outcome. */
  #change(key: ServiceKey, enter: () => void): readonly ServiceKey[] {
    this.#hashesLeft = this.#pace?.hashes ?? Number.POSITIVE_INFINITY;
    const touched = new Set([key, ...this.#partners(key)]);
    this.#leave(key);
    enter();
    if (this.#surveying) return [];
    for (const { text } of this.#standing(key)?.addresses ?? []) {
      for (const holder of this.#holders.get(text) ?? []) for (const one of this.#partners(holder)) touched.add(one);
    }
    const before = [...touched].map((one) => [one, this.#outcome(this.#parties.get(one))] as const);
    const left = this.#dissolve(touched);
    const moved = new Set([...this.#reform(touched), ...this.#giveUp(left)]);
    this.#readSpread(moved);
    const changed = before.filter(([one, was]) => !sameOutcome(this.#outcome(this.#parties.get(one)), was));
    const others = [...moved].flatMap((address) => this.#even.get(address)?.members ?? []);
    return [...new Set([...changed.map(([one]) => one), ...others])];
  }

  #enter({ service, endpoints }: ServiceState): void {
    const survey = surveyService(this.#cluster, service, endpoints);
    this.#surveys.set(survey.key, survey);
    for (const { text } of this.#standing(survey.key)?.addresses ?? []) {
      const holders = this.#holders.get(text) ?? new Set();
      this.#holders.set(text, holders.add(survey.key));
    }
  }

  #leave(key: ServiceKey): void {
    for (const { text } of this.#standing(key)?.addresses ?? []) {
      const holders = this.#holders.get(text);
      holders?.delete(key);
      if (holders?.size === 0) this.#holders.delete(text);
    }
    this.#surveys.delete(key);
  }

  /** Services that are refused on every node share nothing. */
  #standing(key: ServiceKey): Standing | undefined {
    const survey = this.#surveys.get(key);
    if (survey?.type !== "standing") return undefined;
    return survey.sharesAddress && survey.advertisements.selective !== undefined ? undefined : survey;
  }

  #partners(key: ServiceKey): readonly ServiceKey[] {
    return this.#parties.get(key)?.members ?? [];
  }

  /** Ends the parties of these Services, and returns what they had in the spread: it keeps its place until the new ones have voted. */
  #dissolve(keys: ReadonlySet<ServiceKey>): readonly string[] {
    const parties = new Set([...keys].flatMap((key) => this.#parties.get(key) ?? []));
    for (const party of parties) {
      for (const member of party.members) this.#parties.delete(member);
      this.#elected.delete(party);
      this.#unnamed.delete(party);
    }
    return [...parties].map(({ address }) => address).filter((address) => this.#even.delete(address));
  }

  /** Takes out of the spread what no party votes by any more, also while Services have the address; returns who moved for it. */
  #giveUp(addresses: readonly string[]): readonly string[] {
    return addresses.filter((address) => !this.#even.has(address)).flatMap((address) => this.#withdraw(address));
  }

  /** Forms the parties of these Services, and returns the addresses that the spread moved or has to be asked about. */
  #reform(keys: Iterable<ServiceKey>): readonly string[] {
    return this.#formParties(keys).flatMap((party) => {
      const choice = this.#vote(party);
      return "among" in choice ? this.#stand(party.address, choice.among) : this.#withdraw(party.address);
    });
  }

  #stand(address: string, among: readonly NodeName[]): readonly string[] {
    (this.#waiting ?? this.#spreading)?.set(address, among);
    return this.#waiting === undefined ? [address, ...this.#spread.put(address, among)] : [];
  }

  #withdraw(address: string): readonly string[] {
    (this.#waiting ?? this.#spreading)?.delete(address);
    return this.#waiting === undefined ? [...this.#spread.remove(address)] : [];
  }

  #formParties(keys: Iterable<ServiceKey>): readonly Party[] {
    const parties: Party[] = [];
    for (const key of keys) {
      if (this.#parties.has(key) || this.#standing(key) === undefined) continue;
      const members = this.#connected(key);
      const firsts = members.flatMap((member) => this.#standing(member)?.first ?? []);
      const [lowest] = firsts.sort((a, b) => compareAddresses(a.ip, b.ip));
      const party = { members: members.sort(compareTexts), address: lowest?.text ?? "" };
      for (const member of members) this.#parties.set(member, party);
      parties.push(party);
    }
    return parties;
  }

  /** The Services that have an address in common with this one, or with one that has. */
  #connected(key: ServiceKey): ServiceKey[] {
    const found = new Set([key]);
    for (const one of found) {
      for (const { text } of this.#standing(one)?.addresses ?? []) {
        for (const holder of this.#holders.get(text) ?? []) found.add(holder);
      }
    }
    return [...found];
  }

  #vote(party: Party): Choice {
    const standing = party.members.flatMap((key) => this.#standing(key) ?? []);
    const candidates = candidatesOf(standing);
    const incumbent = incumbentOf(standing, candidates, this.#cluster.incumbents);
    const electedBy = incumbent === undefined ? "spread" : "sticky";
    if (standing.some(({ advertisements }) => advertisements.spreadsEvenly)) {
      const among = incumbent === undefined ? this.#namesOf(candidates.favourites) : [incumbent];
      this.#even.set(party.address, party);
      this.#elected.set(party, { winner: undefined, electedBy });
      return { among, electedBy };
    }
    const elected: Elected =
      incumbent === undefined ? this.#runElection(party, candidates) : { winner: incumbent, electedBy: "sticky" };
    this.#elected.set(party, elected);
    return elected;
  }

  /** The same list for the same list: the spread compares them thousands of times. */
  #namesOf(favourites: Candidates["favourites"]): readonly NodeName[] {
    const names = this.#names.get(favourites) ?? favourites.map(({ node }) => node);
    this.#names.set(favourites, names);
    return names;
  }

  /** Beyond what one call may hash, only whether home wins: that decides what is answered on the LAN. */
  #runElection(party: Party, candidates: Candidates): Elected {
    const { favourites, scores } = candidates;
    const { digests } = this.#cluster;
    const home = this.#pace?.home;
    if (home === undefined || digests.effort(favourites, party.address) <= this.#hashesLeft)
      return this.#electByDigest(party, favourites);
    const score = scores.get(home);
    const stands = score !== undefined && score === favourites[0]?.score;
    if (stands && digests.wins({ node: home, score }, favourites, party.address))
      return { winner: home, electedBy: "digest" };
    this.#unnamed.set(party, candidates);
    return { winner: undefined, electedBy: "digest", bestScore: favourites[0]?.score };
  }

  #electByDigest({ address }: Party, favourites: Candidates["favourites"]): Elected {
    const { digests } = this.#cluster;
    this.#hashesLeft -= digests.effort(favourites, address);
    return { winner: digests.elect(favourites, address), electedBy: "digest" };
  }

  #outcome(party: Party | undefined): Elected {
    return (party && this.#elected.get(party)) ?? NOBODY;
  }

  #readSpread(addresses: Iterable<string>): void {
    for (const address of addresses) {
      const party = this.#even.get(address);
      if (party === undefined) continue;
      const { electedBy } = this.#outcome(party);
      this.#elected.set(party, { winner: this.#spread.ownerOf(address), electedBy });
    }
  }
}

/** A loser hears by what it lost, too. */
function sameOutcome(a: Elected, b: Elected): boolean {
  return a.winner === b.winner && a.electedBy === b.electedBy && a.bestScore === b.bestScore;
}
