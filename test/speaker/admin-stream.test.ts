import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { millis } from "../../src/net/micros.ts";
import { followBody, send } from "../../src/speaker/admin-stream.ts";
import { systemClock } from "../../src/system/clock.ts";
import { eventually } from "../support/eventually.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** A reader that takes everything and keeps nothing. */
class Reader extends EventEmitter {
  destroyed = false;
  taken = 0;

  write(): boolean {
    this.taken++;
    return true;
  }

  end(): void {}
}

describe("a stream", () => {
  test("keeps no piece that was read, however long it goes on", async () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const pieces: WeakRef<Uint8Array>[] = [];
    const reader = new Reader();
    let ended = false;
    async function* body(): AsyncGenerator<Uint8Array> {
      while (!ended) {
        const piece = new Uint8Array(1000);
        if (pieces.length < 500) pieces.push(new WeakRef(piece));
        yield piece;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const sending = send(systemClock, reader as unknown as ServerResponse, body());
    await eventually(() => reader.taken > 500);
    collect();
    const kept = pieces.filter((piece) => piece.deref() !== undefined).length;
    ended = true;
    await sending;
    expect(kept).toBeLessThan(50);
  });

  test("without news says at once that it is alive, and then every ten seconds", async () => {
    const clock = new VirtualClock();
    const stream = followBody(clock, () => "", { quiet: "\n" });
    const told: unknown[] = [];
    const reading = (async () => {
      for await (const piece of stream) {
        if (piece.length > 0) told.push(piece);
        if (told.length === 2) return clock.now();
      }
      return undefined;
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(["\n"]);
    for (let i = 0; i < 110; i++) {
      clock.advance(millis(100));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await reading).toBe(10_000_000);
  });
});
