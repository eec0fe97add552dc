import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { announcementFrames, probeFrame } from "../../src/layer2/announcement.ts";
import { hear } from "../../src/layer2/answer.ts";
import { decodeArp, encodeArp } from "../../src/layer2/arp.ts";
import type { ReleaseHow } from "../../src/layer2/claim.ts";
import { FrameRefused } from "../../src/layer2/error.ts";
import { markOf } from "../../src/layer2/mark.ts";
import { decodeNeighbourMessage, encodeNeighbourMessage } from "../../src/layer2/ndp.ts";
import { seconds } from "../../src/net/micros.ts";
import { ear, held, ip, THEIRS } from "../layer2/values.ts";
import { Lan, Node } from "../speaker/layer2-lan.ts";
import { busyMillis } from "../support/busy-time.ts";
import { hex } from "../support/hex.ts";
import { propertySubject } from "./decoders.ts";
import { expectNoStall } from "./subject.ts";

const GOLDEN = join(import.meta.dirname, "../golden/layer2");
const HELD = ["10.99.0.1", "10.99.0.2", "fd99::1", "fd99::2"];
const VOICE = { mac: THEIRS, mark: markOf("node-2") };

/** Frames of other implementations, and those of another speaker. */
const SEEDS: readonly Uint8Array[] = [
  ...readdirSync(GOLDEN)
    .filter((file) => file.endsWith(".hex"))
    .map((file) => hex(readFileSync(join(GOLDEN, file), "utf8"))),
  ...HELD.map(ip).flatMap((address) => [...announcementFrames(address, VOICE), probeFrame(address, VOICE)]),
];

/** Makes the checksum right again, so that what is behind it is looked at. */
function summed(frame: Uint8Array): Uint8Array {
  if (frame.length < 58 || frame[12] !== 0x86) return frame;
  const even = new Uint8Array(frame.length + (frame.length & 1));
  even.set(frame);
  const view = new DataView(even.buffer);
  view.setUint16(18, frame.length - 54);
  view.setUint16(56, 0);
  let sum = frame.length - 54 + 58;
  for (let at = 22; at < even.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(56, ~sum & 0xffff);
  return even.subarray(0, frame.length);
}

const frames: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  {
    weight: 9,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...SEEDS),
        fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 3 }),
        fc.nat(140),
        fc.uint8Array({ maxLength: 24 }),
        fc.boolean(),
      )
      .map(([seed, changes, length, tail, sums]) => {
        const frame = Uint8Array.from([...seed.subarray(0, length < 40 ? seed.length : length), ...tail]);
        for (const [at, value] of changes) frame[at % Math.max(1, frame.length)] = value;
        return sums ? summed(frame) : frame;
      }),
  },
);

function readAgain(frame: Uint8Array): void {
  try {
    if (frame[12] === 0x08) {
      const packet = decodeArp(frame);
      mustBeSame(packet, decodeArp(encodeArp(packet)));
    } else {
      const message = decodeNeighbourMessage(frame);
      mustBeSame(message, decodeNeighbourMessage(encodeNeighbourMessage(message)));
    }
  } catch (error) {
    if (!(error instanceof FrameRefused)) throw error;
  }
}

function mustBeSame(one: unknown, other: unknown): void {
  const text = (value: unknown): string =>
    JSON.stringify(value, (_key, part) => (typeof part === "bigint" ? `${part}` : part));
  if (text(one) !== text(other)) throw new Error("reads differently after it was written");
}

const HERE = ear(HELD.map((address) => held(address)));

/** Any octets as a frame: it is dropped for a reason, or answered for an address that is held. */
export const layer2Frames = propertySubject("layer2-frames", frames, (frame) => {
  expectNoStall(
    () =>
      busyMillis(() => {
        readAgain(frame);
        const { answer, drop, asked } = hear(frame, HERE);
        if ((answer === undefined) === (drop === undefined)) throw new Error("neither answered nor dropped");
        if (answer === undefined) return;
        const said = answer[12] === 0x08 ? decodeArp(answer).senderIp : decodeNeighbourMessage(answer).target;
        if (!HELD.includes(`${said}`) || `${asked?.ip}` !== `${said}`) throw new Error(`answers for ${said}`);
      }),
    () => Buffer.from(frame).toString("hex"),
  );
});

type Act =
  | { readonly type: "frame"; readonly frame: Uint8Array }
  | { readonly type: "wait"; readonly seconds: number }
  | { readonly type: "hold"; readonly address: string; readonly probe: boolean; readonly interfaces: readonly string[] }
  | { readonly type: "release"; readonly address: string; readonly how: ReleaseHow }
  | { readonly type: "fence"; readonly on: boolean }
  | { readonly type: "link"; readonly up: boolean }
  | { readonly type: "room"; readonly yes: boolean };

const addresses = fc.constantFrom(...HELD);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("frame" as const), frame: frames }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("wait" as const), seconds: fc.constantFrom(0.001, 0.3, 1, 2.1, 40) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("hold" as const),
      address: addresses,
      probe: fc.boolean(),
      interfaces: fc.constantFrom([], ["eth1"], ["eth2"]),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("release" as const),
      address: addresses,
      how: fc.constantFrom<ReleaseHow>("now", "handover", "yield"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("fence" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("link" as const), up: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("room" as const), yes: fc.boolean() }) },
);

/** A node, a LAN that says anything, and what must hold all the same. */
class Stage {
  readonly #lan = new Lan();
  readonly #node = new Node("node-1", 1, [this.#lan]);
  readonly #held = new Set<string>();
  #fenced = false;
  #up = true;

  constructor() {
    this.#node.engine.handle({ type: "speakers", names: ["node-1", "node-2"] });
  }

  play(one: Act): void {
    const from = this.#lan.sent.length;
    this.#do(one);
    for (const sent of this.#lan.sent.slice(from)) if (sent.from === "node-1") this.#check(sent.frame);
    for (const { ip: address } of this.#node.told("released"))
      if (this.#node.held(address) === undefined) this.#held.delete(address);
  }

  #do(one: Act): void {
    const node = this.#node;
    switch (one.type) {
      case "frame":
        this.#lan.send({ owner: "anybody", mac: THEIRS, hears: () => false, received: () => {} }, one.frame);
        this.#lan.clock.advance(seconds(0.001));
        return;
      case "wait":
        this.#lan.clock.advance(seconds(one.seconds));
        return;
      case "hold":
        this.#held.add(one.address);
        node.hold(one.address, { probe: one.probe, interfaces: one.interfaces });
        return;
      case "release":
        node.release(one.address, one.how);
        return;
      case "fence":
        this.#fenced = one.on;
        node.engine.handle({ type: "fence", on: one.on });
        return;
      case "link":
        this.#up = one.up;
        if (one.up) node.plug(1);
        else node.unplug(1);
        return;
      case "room":
        node.room = () => one.yes;
        return;
    }
  }

  #check(frame: Uint8Array): void {
    if (this.#fenced) throw new Error("speaks behind the fence");
    if (!this.#up) throw new Error("speaks on a link that is down");
    if (frame[12] === 0x08) {
      const { senderIp, targetIp } = decodeArp(frame);
      this.#mustHold(`${senderIp.value === 0n ? targetIp : senderIp}`);
    } else this.#mustHold(`${decodeNeighbourMessage(frame).target}`);
  }

  #mustHold(address: string): void {
    if (!this.#held.has(address)) throw new Error(`speaks for ${address}`);
  }

  /** Whatever was done to it, an address of its own is announced. */
  end(): void {
    for (const one of [
      { type: "fence", on: false },
      { type: "link", up: true },
      { type: "room", yes: true },
    ] as const)
      this.play(one);
    this.#held.add("10.99.0.77");
    this.#node.hold("10.99.0.77");
    this.#lan.clock.advance(seconds(100));
    if (this.#node.held("10.99.0.77")?.state !== "holding") throw new Error("does not come to rest");
    this.#node.engine.close();
    if (this.#lan.clock.armed > 0) throw new Error("leaves timers behind");
  }
}

/** A whole engine under a LAN that says what it likes. */
export const layer2Engine = propertySubject("layer2-engine", fc.array(act, { maxLength: 40 }), (acts) => {
  expectNoStall(
    () => {
      const stage = new Stage();
      let slowest = 0;
      for (const one of acts) {
        const took = busyMillis(() => stage.play(one));
        // Waiting plays many turns of the event loop at once.
        if (one.type !== "wait") slowest = Math.max(slowest, took);
      }
      stage.end();
      return slowest;
    },
    () => `${acts.length} acts`,
  );
});
