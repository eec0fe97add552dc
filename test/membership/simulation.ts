import { Chance } from "../../src/membership/chance.ts";
import type { GossipRefusal } from "../../src/membership/error.ts";
import type { Change, Effect, MembershipEvent } from "../../src/membership/event.ts";
import { ENVELOPE, MAX_MESSAGE } from "../../src/membership/iana.ts";
import { Membership } from "../../src/membership/membership.ts";
import { decodeMessage, encodeMessage, type Message, messageSize } from "../../src/membership/message.ts";
import { formatPlace, type Place } from "../../src/membership/place.ts";
import type { SessionId } from "../../src/membership/session.ts";
import { DEFAULT_SETTINGS, type Settings } from "../../src/membership/settings.ts";
import { IpAddress } from "../../src/net/ip-address.ts";
import { type Micros, micros } from "../../src/net/micros.ts";
import { EventHeap } from "./event-heap.ts";

export interface SimulationOptions {
  readonly members: number;
  readonly seed?: number;
  /** The share of packets that is lost. */
  readonly loss?: number;
  /** One way, at least, and how much more it may be. */
  readonly delay?: Micros;
  readonly jitter?: Micros;
  readonly settings?: Settings;
  /** Every packet is written and read again, and its length is looked at. */
  readonly octets?: boolean;
}

export interface Observation {
  readonly at: number;
  readonly observer: string;
  readonly change: Change;
}

interface Packet {
  readonly from: Node;
  readonly life: number;
  readonly to: Node;
  readonly source: Place;
  readonly sequence: number;
  readonly session: SessionId;
  readonly message: Message;
}

type Happening = { readonly type: "packet"; readonly packet: Packet } | { readonly type: "wake"; readonly node: Node };

/** One process of the simulation. */
export interface Node {
  readonly name: string;
  place: Place;
  membership: Membership;
  session: SessionId;
  sequence: number;
  alive: boolean;
  life: number;
  /** The process stands still until then; what comes in waits, as much as a socket holds. */
  stalledUntil: number;
  inbox: Packet[];
  wakeAt: number;
  sent: number;
  left: boolean;
}

/** Small datagrams that Linux keeps for a socket that nobody reads. */
const SOCKET_HOLDS = 256;

/** A cluster in virtual time, over a network that loses, delays and parts. */
export class Simulation {
  readonly nodes: Node[] = [];
  readonly observations: Observation[] = [];
  readonly refused: Partial<Record<GossipRefusal, number>> = {};
  /** Sees each packet before the network does: the eavesdropper's place. */
  tap: ((packet: Packet) => void) | undefined;
  loss: number;
  delay: Micros;
  /** Sent so far, as UDP's payload. */
  octets = 0;
  #now = 0;
  #events = 0;
  readonly #options: SimulationOptions;
  readonly #chance: Chance;
  readonly #happenings = new EventHeap<Happening>();
  readonly #byPlace = new Map<string, Node>();
  #known = new WeakMap<Place, Node>();
  readonly #blocked = new Set<string>();
  #groups: ((node: Node) => number) | undefined;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#chance = new Chance(options.seed ?? 1);
    this.loss = options.loss ?? 0;
    this.delay = options.delay ?? micros(150);
    for (let i = 0; i < options.members; i++) this.add(`node-${i}`);
  }

  get now(): number {
    return this.#now;
  }

  /** Packets and timers so far. */
  get events(): number {
    return this.#events;
  }

  get sent(): number {
    return this.nodes.reduce((sum, node) => sum + node.sent, 0);
  }

  /** A process; it knows nobody yet. */
  add(name: string): Node {
    const place = { address: new IpAddress(4, BigInt(0x0a000001 + this.nodes.length)), port: 7946 };
    const session = this.#newSession();
    const node: Node = {
      name,
      place,
      session,
      membership: this.#newMembership(name, session),
      sequence: 0,
      alive: true,
      life: 0,
      stalledUntil: 0,
      inbox: [],
      wakeAt: Number.POSITIVE_INFINITY,
      sent: 0,
      left: false,
    };
    this.nodes.push(node);
    this.#byPlace.set(formatPlace(place), node);
    this.#schedule(node);
    return node;
  }

  /** Everybody is told where the first three are. */
  join(): void {
    const seeds = this.nodes.slice(0, 3).map(({ place }) => place);
    for (const node of this.nodes) this.feed(node, { type: "seeds-changed", seeds });
  }

  node(i: number): Node {
    const node = this.nodes[i];
    if (node === undefined) throw new Error(`no node ${i}`);
    return node;
  }

  /** The same process has another address from now on. */
  move(node: Node, place: Place): void {
    this.#byPlace.delete(formatPlace(node.place));
    this.#known = new WeakMap();
    node.place = place;
    this.#byPlace.set(formatPlace(place), node);
  }

  feed(node: Node, event: MembershipEvent): void {
    this.#perform(node, node.membership.step(event, micros(this.#now)));
    this.#schedule(node);
  }

  run(duration: Micros): void {
    const end = this.#now + duration;
    for (let next = this.#happenings.pop(end); next !== undefined; next = this.#happenings.pop(end)) {
      this.#now = next.at;
      this.#events += 1;
      if (next.value.type === "packet") this.#arrive(next.value.packet);
      else this.#wake(next.value.node, next.at);
    }
    this.#now = end;
  }

  /** The process is gone, and its link with it. */
  kill(node: Node): void {
    node.alive = false;
    node.inbox = [];
  }

  /** A new process of the same name, at the same place or another. */
  restart(node: Node, seeds: readonly Place[], place: Place = node.place): void {
    node.alive = true;
    node.life += 1;
    node.left = false;
    this.move(node, place);
    node.session = this.#newSession();
    node.sequence = 0;
    node.stalledUntil = 0;
    node.inbox = [];
    node.wakeAt = Number.POSITIVE_INFINITY;
    node.membership = this.#newMembership(node.name, node.session);
    this.feed(node, { type: "seeds-changed", seeds });
  }

  /** SIGSTOP, then SIGCONT. */
  stall(node: Node, duration: Micros): void {
    node.stalledUntil = this.#now + duration;
    this.#happenings.push(node.stalledUntil, { type: "wake", node });
    node.wakeAt = node.stalledUntil;
  }

  /** Only packets within a group arrive. */
  partition(groupOf: (node: Node) => number): void {
    this.#groups = groupOf;
  }

  heal(): void {
    this.#groups = undefined;
    this.#blocked.clear();
  }

  /** One direction only. */
  block(from: Node, to: Node): void {
    this.#blocked.add(`${from.name} ${to.name}`);
  }

  /** Names of those up, as this one sees it. */
  seenBy(node: Node): readonly string[] {
    return node.membership.members();
  }

  /** Whether everybody alive sees just those who are. */
  get agreed(): boolean {
    const living = this.nodes.filter(({ alive, left }) => alive && !left);
    const names = living
      .map(({ name }) => name)
      .sort()
      .join();
    return living.every((node) => this.seenBy(node).join() === names);
  }

  /** Puts octets on the wire as if they came from `source`. */
  inject(to: Node, from: Place, packet: Pick<Packet, "message" | "session" | "sequence">): void {
    const { message, session, sequence } = packet;
    this.feed(to, { type: "received", message, from, size: messageSize(message), session, sequence });
  }

  /** Members that exist in one table only. */
  populate(node: Node, count: number): void {
    const updates = Array.from({ length: count }, (_, i) => ({
      name: `worker-${i}.rack-${i % 20}.example`,
      state: "alive" as const,
      incarnation: 1,
      place: { address: new IpAddress(4, BigInt(0x0a640000 + i)), port: 7946 },
      accusers: [],
    }));
    const [other] = this.nodes.filter((candidate) => candidate !== node);
    if (other === undefined) return;
    for (let i = 0; i < count; i += 25) {
      const says = this.lastMessage(other);
      const message: Message = { ...says.message, body: { type: "gossip" }, updates: updates.slice(i, i + 25) };
      this.inject(node, other.place, { ...says, message });
    }
  }

  /** What a member may say next, for those that put words into its mouth. */
  lastMessage(node: Node): Pick<Packet, "message" | "session" | "sequence"> {
    node.sequence += 1;
    const own = node.membership.report().find(({ name }) => name === node.name);
    const sender = { name: node.name, incarnation: own?.incarnation ?? 1, leaving: false, advertised: undefined };
    return {
      message: { sender, body: { type: "gossip" }, updates: [] },
      session: node.session,
      sequence: node.sequence,
    };
  }

  /** A place where nobody is. */
  freePlace(): Place {
    return { address: new IpAddress(4, BigInt(0x0ac80000 + this.nodes.length)), port: 7946 };
  }

  #arrive(packet: Packet): void {
    const { to } = packet;
    if (!to.alive || to.left) return;
    if (this.#now < to.stalledUntil) {
      if (to.inbox.length < SOCKET_HOLDS) to.inbox.push(packet);
      return;
    }
    this.#deliver(packet);
  }

  #deliver({ to, source, session, sequence, message }: Packet): void {
    const size = message.body.type === "sync" ? MAX_MESSAGE : messageSize(message);
    this.feed(to, { type: "received", message, from: source, size, session, sequence });
  }

  #wake(node: Node, at: number): void {
    if (node.wakeAt !== at || !node.alive || node.left) return;
    node.wakeAt = Number.POSITIVE_INFINITY;
    // As the engine has it: what has arrived is read before anybody is judged.
    for (const packet of node.inbox.splice(0)) this.#deliver(packet);
    this.feed(node, { type: "time-passed" });
  }

  #schedule(node: Node): void {
    if (node.left || this.#now < node.stalledUntil) return;
    const at = Math.max(this.#now, node.membership.deadline());
    if (at >= node.wakeAt || !Number.isFinite(at)) return;
    node.wakeAt = at;
    this.#happenings.push(at, { type: "wake", node });
  }

  #perform(node: Node, effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "send":
          this.#send(node, effect.to, effect.message);
          break;
        case "announce":
          this.observations.push({ at: this.#now, observer: node.name, change: effect.change });
          break;
        case "refuse":
          this.refused[effect.reason] = (this.refused[effect.reason] ?? 0) + 1;
          break;
        case "left":
          node.left = true;
      }
    }
  }

  #send(from: Node, to: Place, said: Message): void {
    from.sent += 1;
    from.sequence += 1;
    this.octets += messageSize(said) + ENVELOPE.header + ENVELOPE.tag;
    const message = this.#options.octets === true ? throughOctets(said) : said;
    const target = this.#nodeAt(to);
    if (target === undefined) return;
    const { life, place: source, sequence, session } = from;
    const packet: Packet = { from, life, to: target, source, sequence, session, message };
    this.tap?.(packet);
    if (this.#isLost(from, target)) return;
    const { jitter = micros(350) } = this.#options;
    this.#happenings.push(this.#now + this.delay + Math.floor(jitter * this.#chance.next()), {
      type: "packet",
      packet,
    });
  }

  /** A place is mostly the very object that a node has: its text is only made where it is not. */
  #nodeAt(place: Place): Node | undefined {
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    const node = this.#byPlace.get(formatPlace(place));
    if (node !== undefined) this.#known.set(place, node);
    return node;
  }

  #isLost(from: Node, to: Node): boolean {
    if (this.loss > 0 && this.#chance.next() < this.loss) return true;
    if (this.#blocked.size > 0 && this.#blocked.has(`${from.name} ${to.name}`)) return true;
    return this.#groups !== undefined && this.#groups(from) !== this.#groups(to);
  }

  #newSession(): SessionId {
    return `${this.#chance.next()}` as SessionId;
  }

  #newMembership(name: string, session: SessionId): Membership {
    const settings = this.#options.settings ?? DEFAULT_SETTINGS;
    const seed = this.#chance.below(2 ** 31);
    const firstNumber = this.#chance.below(2 ** 47);
    return new Membership({ name, session, advertised: undefined, settings, seed, firstNumber }, micros(this.#now));
  }
}

function throughOctets(message: Message): Message {
  const bytes = encodeMessage(message);
  if (bytes.length > MAX_MESSAGE) throw new Error(`a message of ${bytes.length} octets`);
  if (bytes.length !== messageSize(message)) throw new Error("the length of a message is not what was reckoned");
  return decodeMessage(bytes);
}
