import { beforeEach, describe, expect, test } from "vitest";
import { nodeName } from "../../src/api/brands.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import { everyone, type Members, type MembersHandlers } from "../../src/speaker/members.ts";
import { PeerHosts, type PeerHostsPorts } from "../../src/standalone/peer-hosts.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const CHECK = { namespace: "default", service: "web", probe: { type: "exec", command: ["/bin/true"] } } as const;

let clock: VirtualClock;
let objects: Map<string, string>;
let alive: string[];
let gossip: MembersHandlers;
let changes: number;
let errors: string[];
let hosts: PeerHosts;

beforeEach(() => {
  [clock, objects, alive, changes, errors] = [new VirtualClock(), new Map(), ["h1"], 0, []];
  const members: Members = {
    ...everyone,
    current: () => new Set(alive.map(nodeName)),
    start: (_signal, handlers) => {
      gossip = handlers;
    },
  };
  const store: PeerHostsPorts["store"] = {
    apply: (object) => {
      const text = JSON.stringify(object);
      objects.set(/"name":"([^"]+)"/.exec(text)?.[1] ?? "", text);
      return JSON.parse(text);
    },
    delete: ({ name }) => void objects.delete(name),
  };
  const log = { ...silentLog, error: (message: string) => errors.push(message) };
  hosts = new PeerHosts({ clock, log, gossip: members, store }, { nodeName: "h1", namespace: "metallb-system" });
  hosts.replace([CHECK]);
  hosts.start(new AbortController().signal, { changed: () => (changes += 1), left: () => {}, met: () => {} });
});

function become(...names: readonly string[]): void {
  alive = [...names];
  gossip.changed();
}

function standing(): readonly string[] {
  return [...hosts.current()].toSorted();
}

function readyOn(host: string): string | undefined {
  return /"ready":(true|false)/.exec(objects.get(`web-health-${host}`) ?? "")?.[1];
}

describe("who stands for election", () => {
  test("nobody before gossip knows, and a host that is found a moment after its Node is there", () => {
    expect(standing()).toEqual([]);
    become("h1", "h2");
    expect(objects.get("h2")).toMatch(/"kind":"Node"/);
    expect(standing()).toEqual([]);
    clock.advance(millis(299));
    expect(standing()).toEqual([]);
    clock.advance(millis(1));
    expect([standing(), changes]).toEqual([["h1", "h2"], 2]);
  });

  test("one that dies is left out at once, also while another one is new", () => {
    become("h1", "h2");
    clock.advance(millis(300));
    become("h1", "h3");
    expect(standing()).toEqual(["h1"]);
    clock.advance(millis(300));
    expect(standing()).toEqual(["h1", "h3"]);
  });

  test("one that comes and goes within the moment does not stand after it", () => {
    become("h1");
    clock.advance(millis(300));
    become("h1", "h2");
    clock.advance(millis(100));
    become("h1");
    clock.advance(millis(300));
    expect(standing()).toEqual(["h1"]);
  });
});

describe("what works on another host", () => {
  test("is taken to work while it has not said so: two that answer are worse than one that does not", () => {
    become("h1", "h2");
    expect(readyOn("h2")).toBe("true");
  });

  test("is what it says, with its labels for node selectors", () => {
    become("h1", "h2");
    hosts.heard({ node: "h2", labels: { rack: "b" }, ready: [] });
    expect([readyOn("h2"), objects.get("h2")]).toEqual(["false", expect.stringContaining('"rack":"b"')]);
    hosts.heard({ node: "h2", labels: {}, ready: ["default/web"] });
    expect(readyOn("h2")).toBe("true");
  });

  test("is remembered while it is away", () => {
    hosts.heard({ node: "h2", labels: {}, ready: [] });
    become("h1");
    become("h1", "h2");
    expect(readyOn("h2")).toBe("false");
  });

  test("is taken to be well again when nothing is heard of it for 20 s: it may be, and answer", () => {
    become("h1", "h2");
    hosts.heard({ node: "h2", labels: { rack: "b" }, ready: [] });
    clock.advance(seconds(15));
    hosts.heard({ node: "h2", labels: { rack: "b" }, ready: [] });
    clock.advance(seconds(19));
    expect(readyOn("h2")).toBe("false");
    clock.advance(seconds(1));
    expect([readyOn("h2"), objects.get("h2")]).toEqual(["true", expect.stringContaining('"rack":"b"')]);
    hosts.heard({ node: "h2", labels: { rack: "b" }, ready: [] });
    expect(readyOn("h2")).toBe("false");
  });

  test("is written once however often it is repeated", () => {
    become("h1", "h2");
    hosts.heard({ node: "h2", labels: {}, ready: [] });
    objects.clear();
    hosts.heard({ node: "h2", labels: {}, ready: [] });
    expect(objects.size).toBe(0);
  });

  test("goes with the check of the Service here", () => {
    become("h1", "h2");
    hosts.replace([]);
    expect([objects.has("web-health-h2"), objects.has("h2")]).toEqual([false, true]);
  });

  test("is not believed of one with the name of this host", () => {
    hosts.heard({ node: "h1", labels: {}, ready: [] });
    expect([objects.size, errors]).toEqual([0, ["another host has the name of this one"]]);
  });
});
