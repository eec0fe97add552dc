import { beforeEach, describe, expect, test } from "vitest";
import { nodeName } from "../../src/api/brands.ts";
import type { Node } from "../../src/api/core.ts";
import { seconds } from "../../src/net/micros.ts";
import type {
  GossipChannelHandlers,
  GossipCommand,
  GossipOptions,
  GossipReport,
} from "../../src/speaker/gossip-messages.ts";
import { everyone, KubernetesMembers } from "../../src/speaker/members.ts";
import { GossipMembers } from "../../src/speaker/members-gossip.ts";
import { GossipKeys } from "../../src/speaker/members-keys.ts";
import { parseSeeds } from "../../src/speaker/members-seeds.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const READY = (status: string | undefined): Node["status"] =>
  status === undefined ? {} : { conditions: [{ type: "Ready", status }] };
const node = (name: string, ready?: string): Node => ({ metadata: { name }, status: READY(ready) ?? {} });
const names = (members: ReadonlySet<string> | undefined): readonly string[] | undefined =>
  members && [...members].toSorted();

describe("everyone", () => {
  test("is every known node, and tells nobody goodbye", async () => {
    expect(everyone.current([])).toBeUndefined();
    await everyone.leave();
  });
});

describe("KubernetesMembers", () => {
  const NODES = [node("a", "True"), node("b", "Unknown"), node("c", "False"), node("d")];

  test.each<[string, readonly string[] | undefined, readonly string[]]>([
    ["pods that cannot be seen: nodes that are not unready", undefined, ["a", "d"]],
    ["no pods at all, as with plain processes", [], ["a", "d"]],
    ["a speaker must be ready as well", ["a", "b"], ["a"]],
  ])("%s", (_name, ready, expected) => {
    const pods = { readyNodes: () => ready && new Set(ready.map(nodeName)), start: () => {}, onChange: () => {} };
    expect(names(new KubernetesMembers(pods).current(NODES))).toEqual(expected);
  });
});

describe("GossipMembers", () => {
  const SEED = { address: "192.0.2.2", port: 7946 };
  const OPTIONS = {
    node: "a",
    bind: { address: "192.0.2.1", port: 7946 },
    advertise: "192.0.2.1",
  };
  let clock: VirtualClock;
  let started: GossipOptions[];
  let commands: GossipCommand[];
  let handlers: GossipChannelHandlers;
  let changes: number;
  let met: number;
  let gone: string[];
  let stop: AbortController;

  beforeEach(() => {
    clock = new VirtualClock();
    [started, commands, changes, met, gone] = [[], [], 0, 0, []];
    stop = new AbortController();
  });

  function start(
    join = [SEED],
    pods?: { addresses: string[]; changed?: () => void; synced: Promise<void> },
  ): GossipMembers {
    const members = new GossipMembers(
      {
        clock,
        log: silentLog,
        start: (options, given) => {
          started.push(options);
          handlers = given;
          return { post: (command) => commands.push(command), close: () => Promise.resolve() };
        },
        keys: { current: () => [new Uint8Array([1])], start: () => {} },
        pods: pods && {
          addressesBut: () => pods.addresses,
          onChange: (changed) => {
            pods.changed = changed;
          },
          start: () => {},
          synced: pods.synced,
        },
      },
      { ...OPTIONS, join },
    );
    members.start(stop.signal, { changed: () => changes++, left: (left) => gone.push(...left), met: () => met++ });
    return members;
  }

  const alive = (...members: readonly string[]): void =>
    handlers.report({ type: "members", members, change: undefined });

  test("nobody stands before the others are found, so that a start announces nothing twice", () => {
    const members = start();
    alive("a");
    expect(names(members.current())).toEqual([]);
    alive("a", "b");
    expect([names(members.current()), changes]).toEqual([["a", "b"], 1]);
    expect([started[0]?.keys.length, commands]).toEqual([1, [{ type: "seeds", seeds: [SEED] }]]);
  });

  test("who finds nobody takes itself for the only one, a moment later", () => {
    const members = start();
    // A thread takes its time to start on a busy machine.
    clock.advance(seconds(30));
    expect(names(members.current())).toEqual([]);
    alive("a");
    clock.advance(seconds(3));
    expect(names(members.current())).toEqual(["a"]);
  });

  test("at once where there is nobody to look for", async () => {
    const members = start([], { addresses: [], synced: Promise.resolve() });
    alive("a");
    await Promise.resolve();
    await Promise.resolve();
    expect(names(members.current())).toEqual(["a"]);
  });

  test("pods that come and go are where others are asked to let us in", () => {
    const pods = { addresses: ["192.0.2.9"], changed: () => {}, synced: new Promise<void>(() => {}) };
    start([SEED], pods);
    commands.length = 0;
    pods.addresses = ["192.0.2.9", "192.0.2.7"];
    pods.changed();
    expect(commands).toEqual([
      { type: "seeds", seeds: [SEED, { address: "192.0.2.9", port: 7946 }, { address: "192.0.2.7", port: 7946 }] },
    ]);
  });

  test("a member that leaves is told apart from one that dies", () => {
    start();
    const change = { reason: "", at: clock.now() };
    handlers.report({ type: "members", members: ["a", "b"], change: { member: "c", to: "left", ...change } });
    handlers.report({ type: "members", members: ["a"], change: { member: "b", to: "dead", ...change } });
    expect([gone, changes]).toEqual([["c"], 2]);
  });

  test("who comes back without having said goodbye was met, as after a partition; a speaker that was started again was not", () => {
    start();
    const change = { reason: "", at: clock.now() };
    const is = (member: string, to: "alive" | "dead" | "left"): void =>
      handlers.report({ type: "members", members: ["a", "b"], change: { member, to, ...change } });
    is("b", "left");
    is("b", "alive");
    expect(met).toBe(0);
    is("b", "dead");
    is("b", "alive");
    expect(met).toBe(1);
  });

  describe("without a socket this node stands for nothing: the others take it for dead", () => {
    const change = { reason: "", at: seconds(0) };
    const failed = (): GossipMembers => {
      const members = start();
      alive("a", "b");
      handlers.report({ type: "socket-failed", message: "EADDRINUSE" });
      expect(names(members.current())).toEqual([]);
      return members;
    };

    test("until somebody is heard again", () => {
      const members = failed();
      handlers.report({ type: "members", members: ["a"], change: { member: "b", to: "dead", ...change } });
      clock.advance(seconds(60));
      expect(names(members.current())).toEqual([]);
      handlers.report({ type: "members", members: ["a", "b"], change: { member: "b", to: "alive", ...change } });
      expect(names(members.current())).toEqual(["a", "b"]);
    });

    test("or nobody was missed", () => {
      const members = failed();
      clock.advance(seconds(5));
      expect(names(members.current())).toEqual(["a", "b"]);
    });

    test("but stands where there is nobody else", () => {
      const members = start([]);
      alive("a");
      clock.advance(seconds(3));
      handlers.report({ type: "socket-failed", message: "EADDRINUSE" });
      expect(names(members.current())).toEqual(["a"]);
    });
  });

  test("an engine that is lost changes no members: the new one finds them first", () => {
    const members = start();
    alive("a", "b", "c");
    handlers.lost("crashed");
    clock.advance(seconds(1));
    expect(started).toHaveLength(2);
    alive("a");
    expect(names(members.current())).toEqual(["a", "b", "c"]);
    alive("a", "b");
    expect(names(members.current())).toEqual(["a", "b"]);
  });

  test("leave() waits for the goodbye, and no longer than two seconds", async () => {
    const members = start();
    const leaving = members.leave();
    expect(commands.at(-1)).toEqual({ type: "leave" });
    handlers.report({ type: "left" } satisfies GossipReport);
    await leaving;
    const silent = members.leave();
    clock.advance(seconds(2));
    await silent;
    await members.stop();
    handlers.lost("after the end");
    clock.advance(seconds(60));
    expect(started).toHaveLength(1);
  });
});

describe("GossipKeys", () => {
  const files = new Map<string, string>();
  const clock = new VirtualClock();
  const open = (path = "/key"): GossipKeys =>
    new GossipKeys({ clock, log: silentLog, read: (file) => files.get(file) }, path);
  const texts = (keys: GossipKeys): readonly string[] => keys.current().map((key) => new TextDecoder().decode(key));

  beforeEach(() => files.clear());

  test("a path that was given and is not there ends the speaker, in words", () => {
    expect(() => open()).toThrow("no gossip key at /key: mount the Secret with the key secretkey there");
  });

  test.each([
    ["a folder, as the Secret is mounted", "/key/secretkey", "/key/secretkey-previous"],
    ["a file", "/key", "/key-previous"],
  ])("%s: the current key first, then the one before", (_name, current, previous) => {
    files.set(current, "new");
    expect(texts(open())).toEqual(["new"]);
    files.set(previous, "old");
    expect(texts(open())).toEqual(["new", "old"]);
  });

  test("an empty secret is none", () => {
    files.set("/key/secretkey", "");
    expect(texts(open())).toEqual([]);
  });

  test("are read again, and stay in use when they vanish", () => {
    files.set("/key/secretkey", "one");
    const keys = open();
    const stop = new AbortController();
    let changes = 0;
    keys.start(stop.signal, () => changes++);
    clock.advance(seconds(30));
    expect(changes).toBe(0);
    files.set("/key/secretkey", "two\n");
    clock.advance(seconds(10));
    expect([changes, texts(keys)]).toEqual([1, ["one", "two"]]);
    files.clear();
    clock.advance(seconds(60));
    expect([changes, texts(keys)]).toEqual([1, ["one", "two"]]);
    stop.abort();
    expect(clock.armed).toBe(0);
  });

  test.each([
    ["emptied", "", ["one"]],
    ["caught half written, and whole again", "tw", ["one", "tw"]],
  ])("a file that is %s changes nobody's seal", (_name, text, during) => {
    files.set("/key/secretkey", "one");
    const keys = open();
    keys.start(new AbortController().signal, () => {});
    files.set("/key/secretkey", text);
    clock.advance(seconds(10));
    expect(texts(keys)).toEqual(during);
    files.set("/key/secretkey", "one");
    clock.advance(seconds(400));
    expect(texts(keys)).toEqual(["one"]);
  });

  test("a key where there was none seals at once", () => {
    files.set("/key/secretkey", "");
    const keys = open();
    keys.start(new AbortController().signal, () => {});
    files.set("/key/secretkey", "one");
    clock.advance(seconds(10));
    expect(texts(keys)).toEqual(["one"]);
  });

  test.each([
    ["replaced", undefined],
    ["replaced, with the one before beside it", "one"],
    ["replaced twice", "then three"],
  ])("a secret that was %s: whoever reads it first or last, each understands the other all the time", (_name, how) => {
    const nodes = [0, 95].map((late) => {
      const own = new Map([["/key/secretkey", "one"]]);
      const keys = new GossipKeys({ clock, log: silentLog, read: (file) => own.get(file) }, "/key");
      keys.start(new AbortController().signal, () => {});
      clock.after(seconds(20 + late), () => {
        own.set("/key/secretkey", "two");
        if (how === "one") own.set("/key/secretkey-previous", how);
      });
      if (how === "then three") clock.after(seconds(100 + late), () => own.set("/key/secretkey", "three"));
      return keys;
    });
    const [a, b] = nodes.map((keys) => () => texts(keys));
    if (a === undefined || b === undefined) throw new Error("two were started");
    for (let second = 0; second < 900; second += 5) {
      clock.advance(seconds(5));
      expect([second, b().includes(a()[0] ?? ""), a().includes(b()[0] ?? "")]).toEqual([second, true, true]);
    }
    const expected = { one: ["two", "one"], "then three": ["three"] }[how ?? ""] ?? ["two"];
    expect([a(), b()]).toEqual([expected, expected]);
  });
});

describe("parseSeeds()", () => {
  test.each([
    ["", []],
    ["192.0.2.1", ["192.0.2.1 7946"]],
    ["192.0.2.1:7000, 2001:db8::1,[2001:db8::2]:8000", ["192.0.2.1 7000", "2001:db8::1 7946", "2001:db8::2 8000"]],
    ["192.0.2.1,", ["192.0.2.1 7946"]],
  ])("reads %j", (text, expected) =>
    expect(parseSeeds(text, 7946)?.map(({ address, port }) => `${address} ${port}`)).toEqual(expected),
  );
  test.each(["worker1", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "[2001:db8::1", "192.0.2.1;192.0.2.2"])(
    "refuses %j",
    (text) => expect(parseSeeds(text, 7946)).toBeUndefined(),
  );
});
