import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeName } from "../../src/api/brands.ts";
import { isFields } from "../../src/api/read-object.ts";
import type { BgpState } from "../../src/bgp/fsm-values.ts";
import { ApiError } from "../../src/kubernetes/errors.ts";
import { BGP_SESSION_STATES } from "../../src/kubernetes/resource.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { micros, millis, seconds } from "../../src/net/micros.ts";
import type { SessionToReport } from "../../src/speaker/session-history.ts";
import { SessionStates, type SessionStatesPorts } from "../../src/speaker/session-states.ts";
import { settle } from "../support/settle.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NODE = nodeName("worker-1");
const START = Date.parse("2026-01-01T00:00:00Z");

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The API as far as these objects go, with its watch. */
class Store {
  readonly objects = new Map<string, Fields>();
  readonly calls: string[] = [];
  /** What the definition in the cluster does not know. */
  pruned: readonly string[] = [];
  #version = 0;
  #wake: () => void = () => {};
  #news: { type: "ADDED" | "MODIFIED" | "DELETED"; object: unknown }[] = [];

  readonly client: SessionStatesPorts["client"] = {
    get: () => Promise.reject(new ApiError({ status: 404, reason: "NotFound", message: "no pod" })),
    pages: <T>() => this.#pages<T>(),
    watch: (_resource, { signal }) => this.#watch(signal),
    create: <T>(_resource: unknown, body: unknown) => this.#create<T>(fieldsOf(body)),
    patch: <T>(_resource: unknown, name: string, body: unknown, options: { subresource?: string | undefined }) =>
      this.#patch<T>(name, fieldsOf(body), options.subresource),
    delete: (_resource, name) => {
      this.calls.push(`delete ${name}`);
      this.remove(name);
      return Promise.resolve();
    },
  };

  put(name: string, object: Fields): Fields {
    const type = this.objects.has(name) ? "MODIFIED" : "ADDED";
    const metadata = {
      ...fieldsOf(object["metadata"]),
      name,
      uid: `uid-${name}`,
      resourceVersion: `${++this.#version}`,
    };
    const stored = { ...object, metadata };
    this.objects.set(name, stored);
    this.#news.push({ type, object: stored });
    this.#wake();
    return stored;
  }

  remove(name: string): void {
    const object = this.objects.get(name);
    if (object === undefined) return;
    this.objects.delete(name);
    this.#news.push({ type: "DELETED", object });
    this.#wake();
  }

  async *#pages<T>() {
    const { kind } = BGP_SESSION_STATES;
    const text = JSON.stringify([...this.objects.values()].map((object) => ({ kind, ...object })));
    const items: T[] = JSON.parse(text);
    yield { items, resourceVersion: `${this.#version}`, first: true };
  }

  async *#watch(signal: AbortSignal | undefined) {
    while (signal?.aborted !== true) {
      for (const event of this.#news.splice(0)) yield event;
      if (this.#news.length > 0) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  #create<T>(body: Fields): Promise<T> {
    const name = String(fieldsOf(body["metadata"])["name"]);
    this.calls.push(`create ${name}`);
    if (this.objects.has(name))
      return Promise.reject(new ApiError({ status: 409, reason: "AlreadyExists", message: "exists" }));
    return this.#answer<T>(this.put(name, body));
  }

  #patch<T>(name: string, body: Fields, subresource: string | undefined): Promise<T> {
    this.calls.push(`patch ${subresource ?? "metadata"} ${name}`);
    const before = this.objects.get(name) ?? {};
    const status = Object.entries({ ...fieldsOf(before["status"]), ...fieldsOf(body["status"]) });
    const kept = status.filter(([field, value]) => value !== null && !this.pruned.includes(field));
    const metadata = { ...fieldsOf(before["metadata"]), ...fieldsOf(body["metadata"]) };
    return this.#answer<T>(this.put(name, { ...before, metadata, status: Object.fromEntries(kept) }));
  }

  #answer<T>(object: Fields): Promise<T> {
    const answer: T = JSON.parse(JSON.stringify(object));
    return Promise.resolve(answer);
  }
}

class Session {
  state: BgpState = "connect";
  established = 0;
  routesSent = 0;
  since = micros(0);
  lastError: string | undefined;
  readonly reported: SessionToReport;

  constructor(clock: VirtualClock, peer: string, address: string) {
    const self = this;
    this.reported = {
      peer,
      bfd: undefined,
      session: {
        config: {},
        get view() {
          const { state, routesSent, lastError } = self;
          return {
            ...{ state, routesSent, lastError, routesLearned: 0, peerAddress: parseIpAddress(address) },
            inState: micros(clock.now() - self.since),
            counters: { established: self.established },
          };
        },
      },
    };
  }
}

let clock: VirtualClock;
let store: Store;
let sessions: Session[];
let states: SessionStates;
let stop: AbortController;

function begin(): void {
  stop = new AbortController();
  states = new SessionStates(
    {
      clock,
      random: () => 0.5,
      log: silentLog,
      wallClock: () => new Date(START + clock.now() / 1000),
      client: store.client,
      sessions: () => sessions.map(({ reported }) => reported),
    },
    { namespace: "metallb-system", nodeName: NODE },
  );
  void states.run(stop.signal);
}

async function pass(time: number): Promise<void> {
  for (let left = time; left > 0; left -= millis(500)) {
    await settle();
    clock.advance(millis(Math.min(left / 1000, 500)));
  }
  await settle();
}

function change(session: Session, state: BgpState): void {
  session.state = state;
  session.since = clock.now();
  if (state === "established") session.established += 1;
  states.changed();
}

const statuses = (): readonly Fields[] => [...store.objects.values()].map((object) => fieldsOf(object["status"]));
const writes = (): number => store.calls.length;

beforeEach(() => {
  clock = new VirtualClock();
  store = new Store();
  sessions = [new Session(clock, "tor-a", "192.0.2.1")];
});
afterEach(() => stop.abort());

describe("BGPSessionState objects", () => {
  test("say what FRR-K8s says, and since when, how many prefixes and how many flaps", async () => {
    sessions.push(new Session(clock, "tor-b", "2001:db8::1"));
    begin();
    await pass(seconds(3));
    const [session] = sessions;
    if (session === undefined) throw new Error("no session");
    session.routesSent = 7;
    change(session, "established");
    await pass(seconds(15));
    expect(statuses()[0]).toEqual({
      ...{ node: "worker-1", peer: "192.0.2.1", vrf: "", bgpStatus: "Established", bfdStatus: "N/A", bgpPeer: "tor-a" },
      ...{ since: "2026-01-01T00:00:03Z", flaps: 0, prefixesSent: 7, prefixesReceived: 0 },
    });
    expect(statuses()[1]).toMatchObject({ peer: "2001-0db8-0000-0000-0000-0000-0000-0001", bgpStatus: "Connect" });
    const labels = [...store.objects.values()].map((object) => fieldsOf(object["metadata"])["labels"]);
    expect(labels[0]).toEqual({
      "frrk8s.metallb.io/node": "worker-1",
      "frrk8s.metallb.io/peer": "192.0.2.1",
      "frrk8s.metallb.io/vrf": "",
    });
  });

  test("a session that flaps every second is written six times a minute, and its flaps are counted", async () => {
    begin();
    await pass(seconds(3));
    const before = writes();
    const [session] = sessions;
    if (session === undefined) throw new Error("no session");
    for (let i = 0; i < 60; i++) {
      change(session, i % 2 === 0 ? "established" : "idle");
      await pass(seconds(1));
    }
    expect(writes() - before).toBeLessThanOrEqual(7);
    await pass(seconds(15));
    expect(statuses()[0]).toMatchObject({ bgpStatus: "Idle", flaps: 30 });
  });

  test("attempts and numbers of prefixes are told once a minute", async () => {
    begin();
    await pass(seconds(3));
    const before = writes();
    const [session] = sessions;
    if (session === undefined) throw new Error("no session");
    for (let i = 0; i < 120; i++) {
      session.routesSent = i;
      change(session, i % 2 === 0 ? "active" : "connect");
      await pass(seconds(1));
    }
    expect(writes() - before).toBeLessThanOrEqual(3);
  });

  test("go with their peer, and what an earlier life left behind goes too", async () => {
    store.put("worker-1-old", { metadata: { labels: { "frrk8s.metallb.io/node": "worker-1" } } });
    begin();
    await pass(seconds(3));
    expect([...store.objects.keys()]).toHaveLength(1);
    sessions = [];
    states.changed();
    await pass(seconds(1));
    expect([...store.objects.keys()]).toEqual([]);
  });

  test.each<[string, (name: string, object: Fields) => void]>([
    ["deleted", (name) => store.remove(name)],
    ["edited", (name, object) => store.put(name, { ...object, status: { bgpStatus: "Established" } })],
    [
      "stripped of its labels",
      (name, object) => store.put(name, { ...object, metadata: { ...fieldsOf(object["metadata"]), labels: {} } }),
    ],
  ])("an object that was %s is put right", async (_what, harm) => {
    begin();
    await pass(seconds(3));
    const [[name, object] = ["", {}]] = store.objects;
    const { labels: before } = fieldsOf(object["metadata"]);
    harm(name, object);
    await pass(seconds(3));
    expect(statuses()).toEqual([object["status"]]);
    const { labels } = fieldsOf(store.objects.get(name)?.["metadata"]);
    expect(labels).toEqual(before);
  });

  test("under FRR-K8s' own definition, which drops what it does not know, nothing is written again and again", async () => {
    store.pruned = ["since", "flaps", "prefixesSent", "prefixesReceived", "bgpPeer"];
    begin();
    await pass(seconds(3));
    const before = writes();
    await pass(seconds(300));
    expect(writes()).toBe(before);
    expect(statuses()[0]).toMatchObject({ bgpStatus: "Connect", peer: "192.0.2.1" });
  });
});
