import type { Lost, Move } from "../inspection/move.ts";
import type { SessionItem } from "../inspection/session-view.ts";
import type { AboutView, Layer2View, MembersView } from "../inspection/state-view.ts";
import type { Change } from "../inspection/view.ts";
import { backoffDelay, pause } from "../kubernetes/backoff.ts";
import { millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import type { Random } from "../system/random.ts";
import { CodedError, PeerError } from "../wire/errors.ts";
import { Alarm } from "./alarm.ts";
import type { Board } from "./board.ts";
import type { PlanFeed } from "./plan-feed.ts";
import type { GlassSpeaker } from "./speaker-port.ts";

export interface SpeakerFeedPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly board: Board;
}

/** The speaker ended what it should go on with. */
class SpeakerEnded extends PeerError {
  readonly code = "ERR_UI_SPEAKER_ENDED";
}

const BACKOFF = { baseDelay: seconds(1), maxDelay: seconds(30) };
/** Earlier moves that are asked for at first, and when a stream was lost: those that are known already are passed over. */
const TAIL = { first: 500, again: 2000 };
const LOOK_EVERY = seconds(10);
/** What moves on the LAN moves in crowds. */
const LOOK_AFTER = millis(200);

/** What of a speaker is remembered from one connection to the next. */
interface Memory {
  readonly started: string;
  /** The number of the last move that was told. */
  readonly seq: number;
}

/** Follows one speaker and tells the board; when it is lost it is tried again, later each time. */
export class SpeakerFeed {
  readonly #ports: SpeakerFeedPorts;
  #speaker: GlassSpeaker;
  readonly #plans: PlanFeed | undefined;
  readonly #layer2Moved: Alarm;
  #memory: Memory | undefined;

  constructor(ports: SpeakerFeedPorts, speaker: GlassSpeaker, plans: PlanFeed | undefined) {
    this.#ports = ports;
    this.#speaker = speaker;
    this.#plans = plans;
    this.#layer2Moved = new Alarm(ports.clock);
  }

  get speaker(): GlassSpeaker {
    return this.#speaker;
  }

  /** How it is reached from the next connection on: the pod is another one after a rollout. */
  reachBy(speaker: GlassSpeaker): void {
    this.#speaker = speaker;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#ports;
    let failures = 0;
    while (!signal.aborted) {
      const since = clock.now();
      try {
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof CodedError)) throw error;
        this.#tell("silent", error.message);
      }
      failures = clock.now() - since > BACKOFF.maxDelay ? 1 : failures + 1;
      await pause(clock, backoffDelay(failures, BACKOFF, random), signal);
    }
  }

  /** Ends with an error, or when it is asked to. @throws CodedError */
  async #follow(signal: AbortSignal): Promise<void> {
    const life = new AbortController();
    const until = AbortSignal.any([signal, life.signal]);
    const { started } = await this.#speaker.document<AboutView>("/v1/about", until);
    this.#tell("answering", undefined);
    const parts = [this.#sessions(until), this.#moves(started, until), this.#looks(until)];
    if (this.#plans !== undefined) parts.push(this.#plans.run(until));
    try {
      await Promise.all(parts);
    } finally {
      life.abort();
      await Promise.allSettled(parts);
    }
  }

  #tell(state: "answering" | "silent", message: string | undefined): void {
    this.#ports.board.setSource({ name: this.#speaker.name, kind: "speaker", state, message });
  }

  /** What is there comes first: a session that is not in it went while nobody looked. */
  async #sessions(signal: AbortSignal): Promise<void> {
    const { board, clock } = this.#ports;
    const { name } = this.#speaker;
    const seen = new Set<string>();
    const settled = clock.after(seconds(5), () => {
      for (const peer of board.sessions.peersOf(name)) if (!seen.has(peer)) board.removeSession(name, peer);
    });
    try {
      for await (const { type, item } of this.#speaker.lines<Change<SessionItem>>("/v1/sessions?watch=1", signal)) {
        seen.add(item.peer);
        if (type === "deleted") board.removeSession(name, item.peer);
        else board.observeSession(item);
      }
    } finally {
      settled.cancel();
    }
    throw new SpeakerEnded("the speaker ended the stream of its sessions");
  }

  async #moves(started: string, signal: AbortSignal): Promise<void> {
    const known = this.#memory?.started === started ? this.#memory.seq : -1;
    const tail = this.#memory === undefined ? TAIL.first : TAIL.again;
    for await (const told of this.#speaker.lines<Move | Lost>(`/v1/moves?watch=1&tail=${tail}`, signal)) {
      if (!("lost" in told) && told.seq <= known) continue;
      this.#ports.board.observeMove(told);
      if ("lost" in told) continue;
      this.#memory = { started, seq: told.seq };
      if (told.protocol === "layer2" || told.type === "member-gone" || told.type === "member-joined") {
        this.#layer2Moved.ring();
      }
      this.#plans?.moved(told.service);
    }
    throw new SpeakerEnded("the speaker ended the stream of its moves");
  }

  async #looks(signal: AbortSignal): Promise<void> {
    const { board, clock } = this.#ports;
    while (!signal.aborted) {
      board.observeLayer2(await this.#speaker.document<Layer2View>("/v1/layer2", signal));
      board.observeMembers(await this.#speaker.document<MembersView>("/v1/members", signal));
      await this.#layer2Moved.wait(LOOK_EVERY, signal);
      await pause(clock, LOOK_AFTER, signal);
    }
  }
}
