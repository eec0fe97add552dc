import { describe, expect, it, test } from "vitest";
import type { BgpState } from "../../src/bgp/fsm-values.ts";
import { micros } from "../../src/net/micros.ts";
import { guardBgp, judgeBfd } from "../../src/speaker/bfd-guard.ts";
import type { BfdEvent } from "../../src/speaker/bfd-service.ts";

const event = (from: BfdEvent["from"], to: BfdEvent["to"], reason: BfdEvent["reason"]): BfdEvent => ({
  from,
  to,
  reason,
  at: micros(0),
});

describe("judgeBfd()", () => {
  test.each<[string, BfdEvent, BgpState, "drop" | "nothing"]>([
    ["4.2 a path that was alive and fell silent", event("up", "down", "detection-expired"), "established", "drop"],
    ["4.2 a neighbour that lost us", event("up", "down", "neighbor-down"), "established", "drop"],
    ["a failed echo", event("up", "down", "echo-failed"), "established", "drop"],
    ["also while BGP is only coming up", event("up", "down", "detection-expired"), "open-confirm", "drop"],
    ["3.2 a neighbour that switched BFD off", event("up", "down", "neighbor-admin-down"), "established", "nothing"],
    ["3.2 BFD switched off here", event("up", "admin-down", "admin-down"), "established", "nothing"],
    ["4.1 a neighbour without BFD", event("init", "down", "detection-expired"), "established", "nothing"],
    ["BFD coming up", event("init", "up", "none"), "established", "nothing"],
    ["our detector was restarted", event("up", "down", "detector-lost"), "established", "nothing"],
    ["there is no connection to end", event("up", "down", "detection-expired"), "idle", "nothing"],
  ])("RFC 5882: %s", (_name, happened, bgp, want) => {
    expect(judgeBfd(happened, bgp).type).toBe(want);
  });

  it("RFC 9384: says Cease/BFD Down", () => {
    expect(judgeBfd(event("up", "down", "detection-expired"), "established")).toMatchObject({ subcode: 10 });
  });
});

describe("guardBgp()", () => {
  it("drops BGP while it is set, and not afterwards", () => {
    const listeners = new Set<(event: BfdEvent) => void>();
    const dropped: string[] = [];
    const bgp = {
      state: "established" as const,
      drop: (subcode: number, communication: string) => dropped.push(`${subcode} ${communication}`),
    };
    const release = guardBgp(
      {
        onChange: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
      bgp,
    );
    for (const listener of listeners) listener(event("init", "up", "none"));
    for (const listener of listeners) listener(event("up", "down", "detection-expired"));
    expect(dropped).toEqual(["10 BFD session down"]);
    release();
    expect(listeners.size).toBe(0);
  });
});
