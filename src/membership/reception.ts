import type { MembershipEvent } from "./event.ts";
import { MAX_MESSAGE } from "./iana.ts";
import type { Local } from "./local.ts";
import { isUp, type Member } from "./member-table.ts";
import { type Body, bareSize, messageSize, type Sender } from "./message.ts";
import type { Place } from "./place.ts";
import type { Probes } from "./probes.ts";
import type { Question } from "./question.ts";
import type { Rivals } from "./rivals.ts";
import { measured } from "./round-trip.ts";
import type { Rumours, Source } from "./rumours.ts";
import { type SessionId, Sessions } from "./session.ts";
import type { Suspects } from "./suspects.ts";
import type { Syncs } from "./sync.ts";

type Received = Extract<MembershipEvent, { type: "received" }>;

/** Strangers that are being asked for a proof. */
const MOST_STRANGERS = 1024;
/** A stranger that goes on talking is asked again after this. */
const ASK_AGAIN = 100_000;

/** The parts that hear of a packet once it may be believed. */
export interface Parts {
  readonly rumours: Rumours;
  readonly probes: Probes;
  readonly suspects: Suspects;
  readonly syncs: Syncs;
  readonly rivals: Rivals;
}

/** Every packet comes in here: first whether it may be believed, then who sent it, what it says, and what it asks. */
export class Reception {
  readonly #local: Local;
  readonly #parts: Parts;
  readonly #sessions = new Sessions();
  /** The number that a session of which nothing is known has to send back. */
  readonly #strangers = new Map<SessionId, { readonly ask: number; readonly from: Place; askedAt: number }>();

  constructor(local: Local, parts: Parts) {
    this.#local = local;
    this.#parts = parts;
  }

  receive(event: Received): void {
    const { session, sequence, from, message } = event;
    if (session === this.#local.options.session) {
      this.#parts.syncs.seenAs(from);
      return;
    }
    const verdict = this.#sessions.take(session, sequence);
    if (verdict === "replayed") this.#refuse("replayed", from);
    else if (verdict === "new" && this.#sessions.nameOf(session) !== message.sender.name)
      this.#refuse("malformed", from);
    else if (verdict === "new" || this.#proves(event)) this.#believe(event);
    else this.#askForProof(event);
  }

  /** Forgets what was never answered, and those whose number is not waited for any longer, for whatever reason. */
  expire(): void {
    const { questions, time } = this.#local;
    questions.expire(time);
    for (const [session, { ask, from }] of this.#strangers) {
      if (questions.get(ask) !== undefined) continue;
      this.#strangers.delete(session);
      this.#refuse("unproven", from);
    }
  }

  #refuse(reason: "replayed" | "malformed" | "unproven", from: Place): void {
    this.#local.perform({ type: "refuse", reason, from });
  }

  /** An unknown session that sends back a number of ours is no recording. */
  #proves({ session, sequence, message }: Received): boolean {
    const { body, sender } = message;
    if (body.type !== "ack" && body.type !== "nack" && body.type !== "state") return false;
    const question = this.#local.questions.get(body.number);
    if (question === undefined || (question.name !== undefined && question.name !== sender.name)) return false;
    if (question.purpose.type === "proof" && question.purpose.session !== session) return false;
    this.#sessions.prove(session, sender.name, sequence);
    this.#strangers.delete(session);
    return true;
  }

  /** A stranger's question is answered, with one of ours, and nothing it says is taken. Never longer than what it sent. */
  #askForProof({ session, from, message, size }: Received): void {
    const { body } = message;
    const target = this.#local.options.name;
    if (body.type === "ping" && body.target !== target) return;
    const number = numberToReturn(body);
    const ask = this.#numberFor(session, from, number !== 0);
    if (ask === undefined) return;
    if (body.type === "sync") {
      this.#sendPage(from, body, { ask, most: size });
      return;
    }
    const answer: Body = { type: "ack", number, ask };
    if (bareSize(this.#local.sender, answer) <= size) this.#local.sendExactly(from, answer);
  }

  #believe({ session, from, message }: Received): void {
    const { body, sender, updates } = message;
    if (body.type === "name-taken") {
      this.#local.perform({ type: "refuse", reason: "name-taken", from });
      return;
    }
    if (body.type === "state") this.#parts.syncs.seenAs(body.seenAs);
    // Whoever is not let in still has a proof, or its claim could not be settled.
    this.#close(message.body, sender, session);
    const member = this.#meet(sender, session, sender.advertised ?? from, from);
    if (member === undefined) return;
    const how = body.type === "state" || body.type === "sync" ? "page" : "news";
    const source: Source = { place: from, hash: member.hash, how };
    for (const update of updates) this.#parts.rumours.hear(update, source);
    if (body.type === "state") this.#parts.syncs.received(body, updates);
    if ((body.type === "ack" || body.type === "state") && body.ask !== undefined)
      this.#local.send(from, { type: "ack", number: body.ask }, this.#told(sender));
    this.#answer(body, sender, from);
  }

  /** The number a stranger is to send back; undefined when it has only just been told. */
  #numberFor(session: SessionId, from: Place, answering: boolean): number | undefined {
    const { time } = this.#local;
    const known = this.#strangers.get(session);
    if (known !== undefined) {
      if (!answering && time < known.askedAt + ASK_AGAIN) return undefined;
      known.askedAt = time;
      return known.ask;
    }
    if (this.#strangers.size >= MOST_STRANGERS) return undefined;
    const ask = this.#local.ask(undefined, { type: "proof", session });
    this.#strangers.set(session, { ask, from, askedAt: time });
    return ask;
  }

  /** Who sent it. Undefined when its words do not count. */
  #meet(sender: Sender, session: SessionId, place: Place, from: Place): Member | undefined {
    const { name, incarnation, leaving } = sender;
    const { table, options } = this.#local;
    if (name === options.name) {
      this.#local.perform({ type: "refuse", reason: "name-taken", from });
      return undefined;
    }
    const known = table.get(name);
    if (known !== undefined && this.#parts.rivals.isRival(known, session, place)) return undefined;
    if (leaving) {
      if (known !== undefined && isUp(known) && incarnation >= known.incarnation)
        this.#parts.rumours.depart(known, "left", incarnation);
      return known;
    }
    if (known === undefined || incarnation > known.incarnation) this.#welcome(known, { name, incarnation, place });
    const member = table.get(name);
    if (member !== undefined) member.session = session;
    return member;
  }

  #welcome(known: Member | undefined, update: { name: string; incarnation: number; place: Place }): void {
    const wasDead = known?.state === "dead";
    this.#parts.rumours.arrive(update);
    // A whole part of the cluster may be back.
    if (wasDead) this.#parts.syncs.begin(update.place);
  }

  /** A number of ours came back. */
  #close(body: Body, sender: Sender, session: SessionId): void {
    if (body.type !== "ack" && body.type !== "nack") return;
    const question = this.#local.questions.get(body.number);
    if (question === undefined || (question.name !== undefined && question.name !== sender.name)) return;
    this.#local.questions.close(body.number);
    const member = this.#local.table.get(sender.name);
    if (body.type === "nack") {
      if (question.purpose.type === "probe" && member !== undefined)
        this.#parts.probes.silentFor(question.purpose.probe, member);
    } else this.#settle(question, member, session);
  }

  #settle(question: Question, member: Member | undefined, session: SessionId): void {
    const { purpose } = question;
    const direct = purpose.type !== "proof" && !(purpose.type === "probe" && purpose.relayed);
    // What we stood still for says nothing about the network.
    if (member !== undefined && direct && question.stalls === this.#local.stalls)
      member.roundTrip = measured(member.roundTrip, this.#local.time - question.askedAt);
    switch (purpose.type) {
      case "probe":
        this.#parts.probes.answered(purpose.probe);
        return;
      case "relay":
        this.#parts.probes.relayed(purpose.relay);
        return;
      case "doubt":
        if (member !== undefined) this.#parts.suspects.answered(member);
        return;
      case "vacancy":
        if (member !== undefined) this.#parts.rivals.answered(purpose.claim, member, session);
        return;
      case "proof":
      case "sync":
      case "revival":
        return;
    }
  }

  #answer(body: Body, sender: Sender, from: Place): void {
    const { options, table } = this.#local;
    const told = this.#told(sender);
    switch (body.type) {
      case "ping":
        if (body.target === options.name) this.#local.send(from, { type: "ack", number: body.number }, told);
        return;
      case "ping-request": {
        const target = table.get(body.target);
        if (target !== undefined && !this.#local.leaving)
          this.#parts.probes.relay(from, body.number, target, body.patience * 1000);
        return;
      }
      case "sync":
        this.#sendPage(from, body, { ask: undefined, most: MAX_MESSAGE });
        return;
      case "gossip":
        if (told.length > 0) this.#local.send(from, { type: "gossip" }, told);
        return;
      case "ack":
      case "nack":
      case "state":
      case "name-taken":
        return;
    }
  }

  /** What is said of the sender, when it has to contradict. */
  #told({ name, incarnation, leaving }: Sender): Received["message"]["updates"] {
    const known = this.#local.table.get(name);
    if (known === undefined || leaving) return [];
    const contradicts = known.state === "alive" ? incarnation >= known.incarnation : incarnation > known.incarnation;
    return contradicts ? [] : [this.#local.updateOf(known)];
  }

  #sendPage(
    to: Place,
    question: Extract<Body, { type: "sync" }>,
    { ask, most }: { readonly ask: number | undefined; readonly most: number },
  ): void {
    const { number, after } = question;
    const proof = ask === undefined ? {} : { ask };
    const bare: Body = { type: "state", number, seenAs: to, more: false, ...proof };
    const { updates, more } = this.#parts.syncs.page(after, this.#local.roomFor(bare, most));
    const body: Body = { ...bare, more };
    if (messageSize({ sender: this.#local.sender, body, updates }) <= most) this.#local.sendExactly(to, body, updates);
  }
}

/** What a stranger wants to see again; 0 is nothing. */
function numberToReturn(body: Body): number {
  if (body.type === "ping" || body.type === "sync") return body.number;
  return "ask" in body ? (body.ask ?? 0) : 0;
}
