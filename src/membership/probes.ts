import type { Local } from "./local.ts";
import type { Member } from "./member-table.ts";
import type { Place } from "./place.ts";
import type { Probe, Relay } from "./question.ts";
import type { Suspects } from "./suspects.ts";

/** Members that are asked to ask when there is no answer. */
const HELPERS = 3;
/** All of a probe, in timeouts: the direct question, then a round through helpers. */
const WHOLE_SHARE = 2.5;

/** Questions on behalf of others, at one time, and how long each may take whatever is asked for: a flood of them costs no memory. */
const MOST_RELAYS = 256;
const LONGEST_RELAY = 2_000_000;

/** How regular questions ended. */
export interface ProbeOutcomes {
  readonly answered: number;
  readonly failed: number;
}

/** The regular questions: directly, then once more and through helpers, then the accusation. */
export class Probes {
  readonly #local: Local;
  readonly #suspects: Suspects;
  readonly #probes = new Set<Probe>();
  readonly #relays = new Set<Relay>();
  readonly #outcomes = { answered: 0, failed: 0 };

  constructor(local: Local, suspects: Suspects) {
    this.#local = local;
    this.#suspects = suspects;
  }

  /** The questions of one interval. */
  begin(): void {
    const { targets } = this.#local;
    const successor = targets.successor();
    if (successor !== undefined) this.#probe(successor);
    const other = targets.next(successor);
    if (other !== undefined) this.#probe(other);
  }

  /** How the questions ended, since the beginning. */
  get outcomes(): ProbeOutcomes {
    return { ...this.#outcomes };
  }

  due(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const probe of this.#probes) due = Math.min(due, probe.due);
    for (const relay of this.#relays) due = Math.min(due, relay.due);
    return due;
  }

  onTime(): void {
    const { time } = this.#local;
    for (const probe of this.#probes) if (time >= probe.due) this.#advance(probe);
    for (const relay of this.#relays) {
      if (time < relay.due) continue;
      this.#relays.delete(relay);
      this.#local.send(relay.requester, { type: "nack", number: relay.number });
    }
  }

  /** The target answered, us or a helper. */
  answered(probe: Probe): void {
    const local = this.#local;
    if (this.#probes.delete(probe)) {
      this.#outcomes.answered += 1;
      local.health.better();
    }
    const member = local.table.get(probe.target);
    if (member === undefined) return;
    if (probe.stage !== "failed") member.probed = false;
    this.#suspects.answered(member);
  }

  /** A helper had no answer either. It lives and hears us; the target it found silent by itself. */
  silentFor(probe: Probe, helper: Member): void {
    probe.silentFor.push(helper.hash);
    const member = this.#local.table.get(probe.target);
    if (probe.stage === "failed" && member?.suspicion !== undefined)
      this.#suspects.accuse(member, [helper.hash], false);
  }

  /** Asks for somebody else. */
  relay(requester: Place, number: number, target: Member, patience: number): void {
    if (this.#relays.size >= MOST_RELAYS) return;
    const relay: Relay = { number, requester, due: this.#local.time + Math.min(patience, LONGEST_RELAY) };
    this.#relays.add(relay);
    this.#local.ping(target, { type: "relay", relay });
  }

  relayed(relay: Relay): void {
    if (this.#relays.delete(relay)) this.#local.send(relay.requester, { type: "ack", number: relay.number });
  }

  #probe(member: Member): void {
    if (member.probed) return;
    const { time } = this.#local;
    const timeout = this.#local.timeout(member);
    const probe: Probe = {
      target: member.name,
      startedAt: time,
      timeout,
      stage: "direct",
      due: time + timeout,
      helpers: 0,
      silentFor: [],
    };
    member.probed = true;
    this.#probes.add(probe);
    this.#local.ping(member, { type: "probe", probe, relayed: false });
  }

  #advance(probe: Probe): void {
    const member = this.#local.table.get(probe.target);
    if (member === undefined || member.state === "dead" || member.state === "left") {
      this.#probes.delete(probe);
      if (member !== undefined) member.probed = false;
      return;
    }
    if (probe.stage === "direct") this.#askHelpers(probe, member);
    else this.#fail(probe, member);
  }

  #askHelpers(probe: Probe, member: Member): void {
    const local = this.#local;
    probe.stage = "indirect";
    probe.due = Math.max(local.time, probe.startedAt + WHOLE_SHARE * probe.timeout);
    local.ping(member, { type: "probe", probe, relayed: false });
    const helpers = local.targets.sample(HELPERS, (other) => other !== member && mayHelp(other));
    probe.helpers = helpers.length;
    for (const helper of helpers) {
      const number = local.ask(helper.name, { type: "probe", probe, relayed: true });
      const patience = Math.ceil(probe.timeout / 1000);
      local.send(helper.place, { type: "ping-request", number, target: member.name, patience });
    }
  }

  #fail(probe: Probe, member: Member): void {
    const { health, hash } = this.#local;
    probe.stage = "failed";
    this.#outcomes.failed += 1;
    this.#probes.delete(probe);
    member.probed = false;
    // Lifeguard: helpers that are silent too say more about us than about the target.
    health.worse(probe.helpers - probe.silentFor.length);
    this.#suspects.accuse(member, [hash, ...probe.silentFor], true);
  }
}

/** Only who has heard of this life of ours: others would ask for a proof first. */
function mayHelp({ state, session }: Member): boolean {
  return state === "alive" && session !== undefined;
}
