import { describe, expect, it } from "vitest";
import { peerName } from "../../src/api/brands.ts";
import type { BgpSessionConfig } from "../../src/speaker/bgp-session-config.ts";
import { SessionSet } from "../../src/speaker/session-set.ts";
import { asn, ip } from "../bgp/values.ts";
import { silentLog } from "../support/silent-log.ts";

const base: BgpSessionConfig = {
  name: "a",
  localAsn: asn(64512),
  peerAsn: asn(65000),
  peerAddress: ip("10.0.0.1"),
  nodeName: "node1",
  families: new Set([4] as const),
};

function scene() {
  const notes: string[] = [];
  const session = (name: string) => ({
    name,
    setRoutes: () => {},
    setPassword: (password: string | undefined) => void notes.push(`${name} password ${password}`),
    stop: (reason: string, goodbye: string) => {
      notes.push(`${name} stop ${goodbye}: ${reason}`);
      return Promise.resolve();
    },
  });
  const set = new SessionSet<ReturnType<typeof session>>({
    log: silentLog,
    open: (name) => {
      notes.push(`${name} open`);
      return session(name);
    },
    closing: ({ name }) => void notes.push(`${name} closing`),
    rekeyed: ({ name }) => void notes.push(`${name} rekeyed`),
  });
  const apply = (...configs: readonly BgpSessionConfig[]): readonly string[] => {
    set.apply(new Map(configs.map((config) => [peerName(config.name), config])));
    return notes.splice(0);
  };
  return { set, notes, apply };
}

describe("apply()", () => {
  it("opens what is new, closes what is gone, leaves the rest alone", () => {
    const { apply } = scene();
    expect(apply(base)).toEqual(["a open"]);
    expect(apply({ ...base, families: new Set([4] as const) }, { ...base, name: "b" })).toEqual(["b open"]);
    expect(apply({ ...base, name: "b" })).toEqual(["a closing", "a stop removed: peer removed"]);
  });

  it("replaces a session whose configuration changed, with a goodbye that says we are back at once", () => {
    const { apply } = scene();
    apply(base);
    expect(apply({ ...base, holdTime: 30 })).toEqual(["a closing", "a stop changed: configuration changed", "a open"]);
  });

  it("changes a password without ending the session", () => {
    const { apply } = scene();
    apply(base);
    expect(apply({ ...base, password: "one" })).toEqual(["a password one", "a rekeyed"]);
    expect(apply({ ...base, password: "one" })).toEqual([]);
    expect(apply({ ...base, password: "two" })).toEqual(["a password two", "a rekeyed"]);
    expect(apply(base)).toEqual(["a password undefined", "a rekeyed"]);
  });
});

describe("stop()", () => {
  it.each(["restarting", "shutdown"] as const)("says %s to all", async (goodbye) => {
    const { set, notes, apply } = scene();
    apply(base, { ...base, name: "b" });
    await set.stop("bye", goodbye);
    expect(notes.filter((note) => note.includes("stop"))).toEqual([`a stop ${goodbye}: bye`, `b stop ${goodbye}: bye`]);
    expect(set.entries()).toEqual([]);
  });
});
