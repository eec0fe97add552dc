import { describe, expect, it, test } from "vitest";
import { decodeEcho, encodeEcho } from "../../src/bfd/echo-packet.ts";
import { deadline, echoInterval, initialSession, step } from "../../src/bfd/fsm.ts";
import type { ControlPacket } from "../../src/bfd/packet.ts";
import type { Effect, Session } from "../../src/bfd/session.ts";
import { micros, millis } from "../../src/net/micros.ts";
import { hex } from "../support/hex.ts";
import { OURS, packet, parameters } from "./values.ts";

/** A session that is up with a peer that loops echo packets back at 50 ms, and time that passes. */
class Bench {
  session: Session;
  now = 0;
  echoes: number[] = [];
  changes: string[] = [];
  control: ControlPacket[] = [];
  readonly #theirs: Partial<ControlPacket>;

  constructor(theirs: Partial<ControlPacket> = {}, echo = 50) {
    this.#theirs = { desiredMinTx: millis(100), requiredMinEchoRx: millis(50), ...theirs };
    this.session = initialSession(OURS, parameters({ desiredMinEchoTx: millis(echo) }));
    this.#take(step(this.session, { type: "started" }, this.#moment()));
    this.hear({ state: "down" });
    this.hear({});
    this.changes = [];
  }

  #moment() {
    return { now: micros(this.now), chance: 0 };
  }

  #take({ session, effects }: { session: Session; effects: readonly Effect[] }): void {
    this.session = session;
    for (const effect of effects) {
      if (effect.type === "send-echo") this.echoes.push(effect.sequence);
      else if (effect.type === "announce") this.changes.push(`${effect.from}>${effect.to}:${effect.reason}`);
      else this.control.push(effect.packet);
    }
  }

  hear(fields: Partial<ControlPacket>): void {
    const heard = packet({ state: "up", yourDiscriminator: OURS, ...this.#theirs, ...fields });
    this.#take(step(this.session, { type: "received", packet: heard }, this.#moment()));
  }

  return(sequence = this.echoes.at(-1) ?? 0): void {
    this.#take(step(this.session, { type: "echo-returned", sequence }, this.#moment()));
  }

  /** Control packets go on all the while; `answers` says which echo packets come back. */
  pass(milliseconds: number, answers: (sequence: number) => boolean = () => false): void {
    for (const end = this.now + milliseconds * 1000; this.now < end; this.now += 1000) {
      const before = this.echoes.length;
      if (this.now % 50_000 === 0) this.hear({ final: this.session.poll === "running" });
      const due = deadline(this.session);
      if (due !== undefined && due <= this.now) this.#take(step(this.session, { type: "time-passed" }, this.#moment()));
      for (const sequence of this.echoes.slice(before)) if (answers(sequence)) this.return(sequence);
    }
  }
}

describe("echo packets", () => {
  test.each<[name: string, theirs: Partial<ControlPacket>, ours: number]>([
    ["a peer that does not loop them back", { requiredMinEchoRx: micros(0) }, 50],
    ["a profile that wants none", {}, 0],
  ])("are not sent with %s", (_, theirs, ours) => {
    const bench = new Bench(theirs, ours);
    bench.pass(3000);
    expect(bench.echoes).toEqual([]);
  });

  it("are not sent before the session is up (RFC 5880 section 6.8.9)", () => {
    const bench = new Bench();
    bench.hear({ state: "down" });
    bench.echoes = [];
    bench.pass(0);
    bench.session = { ...bench.session };
    expect(bench.session.state).toBe("down");
    expect(bench.session.echo.transmitAt).toBeUndefined();
  });

  it("go out once a second until one comes back, and their loss means nothing until then", () => {
    const bench = new Bench();
    bench.pass(5000);
    expect(bench.echoes).toEqual([1, 2, 3, 4, 5]);
    expect(bench.changes).toEqual([]);
    expect(echoInterval(bench.session)).toBeUndefined();
  });

  it.each<[theirs: number, ours: number, expected: number]>([
    [50, 50, 50],
    [200, 50, 200],
    [50, 100, 100],
  ])("no faster than either end wants: they %i ms, we %i ms", (theirs, ours, expected) => {
    const bench = new Bench({ requiredMinEchoRx: millis(theirs) }, ours);
    bench.return();
    bench.pass(2000, () => true);
    expect(echoInterval(bench.session)).toBe(millis(expected));
    expect(bench.echoes.length).toBe(2000 / expected + 1);
  });

  it("that come back ask the peer for no more than one control packet a second (RFC 5880 section 6.8.3)", () => {
    const bench = new Bench();
    bench.pass(1, () => true);
    bench.return();
    expect(bench.control.at(-1)).toMatchObject({ requiredMinRx: millis(1000), poll: true });
    bench.pass(200, () => true);
    expect(bench.session).toMatchObject({ poll: "idle", rxInUse: millis(1000) });
    expect(bench.changes).toEqual([]);
  });

  it("that are lost as often as the multiplier says are a failure, although control packets go on (section 6.8.5)", () => {
    const bench = new Bench();
    bench.return();
    bench.pass(500, () => true);
    bench.pass(130);
    expect(bench.changes).toEqual([]);
    bench.pass(70);
    expect(bench.changes[0]).toBe("up>down:echo-failed");
    expect(bench.control.find(({ diagnostic }) => diagnostic === "echo-failed")).toMatchObject({
      state: "down",
      requiredMinRx: millis(100),
    });
  });

  it("one of three that comes back is enough", () => {
    const bench = new Bench();
    bench.return();
    bench.pass(3000, (sequence) => sequence % 3 === 0);
    expect(bench.changes).toEqual([]);
  });

  it("count, not time: a sender that stood still has sent none that could be lost", () => {
    const bench = new Bench();
    bench.return();
    bench.pass(200, () => true);
    bench.now += 900_000;
    bench.hear({});
    bench.pass(100, () => true);
    expect(bench.changes).toEqual([]);
  });

  test.each<[name: string, sequence: (last: number) => number]>([
    ["was never sent", (last) => last + 1],
    ["came back before", (last) => last],
    ["was given up long ago", (last) => last - 1000],
  ])("one that %s proves nothing", (_, sequence) => {
    const bench = new Bench();
    bench.return();
    bench.pass(180, () => true);
    const before = bench.session.echo;
    bench.return(sequence(bench.echoes.at(-1) ?? 0));
    expect(bench.session.echo).toEqual(before);
  });

  it("end when the peer loops no more, and fast control packets are asked for again", () => {
    const bench = new Bench();
    bench.return();
    bench.pass(500, () => true);
    bench.hear({ requiredMinEchoRx: micros(0) });
    expect(bench.session.echo.proven).toBe(false);
    expect(bench.control.at(-1)).toMatchObject({ requiredMinRx: millis(100), poll: true });
  });
});

describe("decodeEcho()", () => {
  it("reads what encodeEcho() wrote", () => {
    const echo = { discriminator: OURS, sequence: 0xffff_ffff };
    expect(decodeEcho(encodeEcho(echo))).toEqual(echo);
  });

  test.each([
    ["nothing", ""],
    ["too little", "0118"],
    ["another version", `0218${"00".repeat(22)}`],
    ["another length", `0117${"00".repeat(22)}`],
    ["something where nothing is", `01180001${"00".repeat(20)}`],
    ["no discriminator", `0118${"00".repeat(22)}`],
  ])("takes %s for somebody else's", (_, text) => {
    expect(decodeEcho(hex(text))).toBeUndefined();
  });

  it("reads the front of FRR's, which is of the same shape", () => {
    expect(decodeEcho(hex("011800008fac259a0000000000003583000000000003d3b9"))?.discriminator).toBe(0x8fac259a);
  });
});
