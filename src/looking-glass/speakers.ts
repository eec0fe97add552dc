import { pause } from "../kubernetes/backoff.ts";
import { seconds } from "../net/micros.ts";
import { CodedError } from "../wire/errors.ts";
import { PlanFeed } from "./plan-feed.ts";
import { SpeakerFeed, type SpeakerFeedPorts } from "./speaker-feed.ts";
import type { GlassSpeaker, Roster } from "./speaker-port.ts";

export interface SpeakersPorts extends SpeakerFeedPorts {
  /** Looks for the speakers. @throws CodedError where they cannot be looked for */
  readonly roster: (signal: AbortSignal) => Promise<Roster>;
}

interface Followed {
  readonly feed: SpeakerFeed;
  readonly stop: AbortController;
}

const LOOK_EVERY = seconds(15);
/** Who is missing for so many looks and is no node of the API is forgotten. */
const PATIENCE = 20;
const SEARCH = "speakers";
/** Each is two connections through the API server, and as many processes in a pod. */
const MOST_FOLLOWED = 100;
const TOO_MANY = `not followed: ${MOST_FOLLOWED} speakers are followed already; choose nodes with --node or -l`;

/** The speakers that are there, each followed. A node that has none any more is shown as silent before it is forgotten. */
export class Speakers {
  readonly #ports: SpeakersPorts;
  readonly #plans: boolean;
  readonly #followed = new Map<string, Followed>();
  /** Also of those who are away: what they told before is not told again when they are back. */
  readonly #feeds = new Map<string, SpeakerFeed>();
  readonly #missing = new Map<string, number>();

  /** `plans`: the speakers say what is announced, because there is no API that does. */
  constructor(ports: SpeakersPorts, { plans }: { readonly plans: boolean }) {
    this.#ports = ports;
    this.#plans = plans;
  }

  /** Those that are worth being asked now. */
  answering(): readonly GlassSpeaker[] {
    const states = new Map(this.#ports.board.sources.map(({ name, state }) => [name, state]));
    const all = [...this.#followed.values()].map(({ feed }) => feed.speaker);
    return all.filter(({ name }) => states.get(name) === "answering");
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, board, roster } = this.#ports;
    while (!signal.aborted) {
      try {
        this.#take(await roster(signal), signal);
        board.removeSource(SEARCH);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CodedError)) throw error;
        const message = `the speakers cannot be looked for: ${error.message}`;
        board.setSource({ name: SEARCH, kind: "api", state: "silent", message });
      }
      await pause(clock, LOOK_EVERY, signal);
    }
  }

  #take({ speakers, silent }: Roster, signal: AbortSignal): void {
    const there = new Set([...speakers.map(({ name }) => name), ...silent.map(({ node }) => node)]);
    for (const speaker of speakers) this.#follow(speaker, signal);
    for (const { node, reason } of silent) this.#silence(node, reason);
    for (const name of [...this.#followed.keys(), ...this.#missing.keys()]) if (!there.has(name)) this.#miss(name);
  }

  #follow(speaker: GlassSpeaker, signal: AbortSignal): void {
    const { name } = speaker;
    this.#missing.delete(name);
    const known = this.#followed.get(name);
    if (known !== undefined) {
      known.feed.reachBy(speaker);
      return;
    }
    if (this.#followed.size >= MOST_FOLLOWED) {
      this.#silence(name, TOO_MANY);
      return;
    }
    const stop = new AbortController();
    const feed = this.#feedOf(speaker);
    this.#followed.set(name, { feed, stop });
    this.#ports.board.setSource({ name, kind: "speaker", state: "connecting" });
    void feed.run(AbortSignal.any([signal, stop.signal]));
  }

  #feedOf(speaker: GlassSpeaker): SpeakerFeed {
    const known = this.#feeds.get(speaker.name);
    known?.reachBy(speaker);
    if (known !== undefined) return known;
    const plans = this.#plans ? new PlanFeed(this.#ports, speaker) : undefined;
    const feed = new SpeakerFeed(this.#ports, speaker, plans);
    this.#feeds.set(speaker.name, feed);
    return feed;
  }

  #silence(name: string, message: string): void {
    this.#drop(name);
    this.#ports.board.setSource({ name, kind: "speaker", state: "silent", message });
  }

  #miss(name: string): void {
    const times = (this.#missing.get(name) ?? 0) + 1;
    this.#missing.set(name, times);
    const { board } = this.#ports;
    if (times >= PATIENCE && !board.nodes.has(name)) {
      this.#missing.delete(name);
      this.#drop(name);
      this.#feeds.delete(name);
      board.removeSource(name);
    } else this.#silence(name, "no speaker is found there any more");
  }

  #drop(name: string): void {
    this.#followed.get(name)?.stop.abort();
    this.#followed.delete(name);
  }
}
