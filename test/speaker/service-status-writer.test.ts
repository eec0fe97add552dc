import { setMaxListeners } from "node:events";
import { beforeEach, describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import type { Change } from "../../src/kubernetes/informer.ts";
import { millis, seconds } from "../../src/net/micros.ts";
import {
  BGP_STATUS,
  L2_STATUS,
  type StatusClaim,
  type StatusKind,
  type StatusRecord,
  statusName,
  stripStatus,
} from "../../src/speaker/service-status.ts";
import { ServiceStatusWriter } from "../../src/speaker/service-status-writer.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const NODE = nodeName("a");
const WEB = serviceKey("default", "web");
const CLAIM: StatusClaim = { names: [], addresses: ["10.0.0.1"] };

/** The API with its watch: every write is told of, unless the watch is behind. */
class Store {
  readonly objects = new Map<string, Record<string, unknown>>();
  readonly calls: string[] = [];
  readonly #listeners = new Set<(change: Change<StatusRecord>) => void>();
  readonly #kind: StatusKind;
  behind = false;
  refuse: Error | undefined;

  constructor(kind: StatusKind) {
    this.#kind = kind;
  }

  *values(): Generator<StatusRecord, void> {}

  onChange(listener: (change: Change<StatusRecord>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  put(name: string, object: Record<string, unknown> | undefined): void {
    const before = this.objects.get(name);
    if (object === undefined) this.objects.delete(name);
    else this.objects.set(name, object);
    if (!this.behind) this.#tell(before, object);
  }

  create<T>(_resource: unknown, body: unknown): Promise<T> {
    const object = fields(body);
    const name = String(fields(object["metadata"])["name"]);
    this.#call(`create ${name}`);
    if (this.objects.has(name)) throw new ApiError({ status: 409, reason: "AlreadyExists", message: "exists" });
    this.put(name, { ...object, metadata: { ...fields(object["metadata"]), uid: `uid-${name}` } });
    return never();
  }

  patch<T>(_resource: unknown, name: string, body: unknown, options: { subresource?: string | undefined }): Promise<T> {
    this.#call(`patch ${name}${options.subresource === undefined ? "" : " status"}`);
    const before = this.objects.get(name);
    if (before === undefined) throw new ApiError({ status: 404, reason: "NotFound", message: "gone" });
    const metadata = { ...fields(before["metadata"]), ...fields(fields(body)["metadata"] ?? {}) };
    this.put(name, { ...before, ...fields(body), metadata });
    return never();
  }

  delete(_resource: unknown, name: string): Promise<void> {
    this.#call(`delete ${name}`);
    this.put(name, undefined);
    return Promise.resolve();
  }

  #call(text: string): void {
    this.calls.push(text);
    if (this.refuse !== undefined) throw this.refuse;
  }

  #tell(before: Record<string, unknown> | undefined, now: Record<string, unknown> | undefined): void {
    const previous = before && stripStatus(this.#kind, before);
    const object = now === undefined ? previous : stripStatus(this.#kind, now);
    if (object === undefined) return;
    const type = now === undefined ? "deleted" : before === undefined ? "added" : "modified";
    for (const listener of this.#listeners) listener({ type, key: object.metadata.name, object, previous });
  }
}

/** What the writer does not look at. */
function never<T>(): Promise<T> {
  return Promise.resolve() as Promise<T>;
}

function fields(value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value ?? {}));
}

function record(kind: StatusKind, node: string, name: string, service: ServiceKey = WEB): Record<string, unknown> {
  const [serviceNamespace, serviceName] = service.split("/");
  const labels = { "metallb.io/node": node, "metallb.io/service-name": serviceName };
  return {
    metadata: { name, uid: name, labels: { ...labels, "metallb.io/service-namespace": serviceNamespace } },
    status: { node, serviceName, serviceNamespace, ...(kind === BGP_STATUS ? { peers: ["r1"] } : {}) },
  };
}

let clock: VirtualClock;
let store: Store;
let writer: ServiceStatusWriter;

function start(kind: StatusKind): void {
  clock = new VirtualClock();
  store = new Store(kind);
  const author = { node: NODE, namespace: "system", pod: { name: "speaker-a", uid: "u" } };
  const ports = { clock, random: () => 0.5, log: silentLog, client: store, records: store };
  writer = new ServiceStatusWriter(ports, kind, () => author);
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  void writer.run(signal);
}

async function settle(): Promise<readonly string[]> {
  for (let i = 0; i < 200; i++) await Promise.resolve();
  return store.calls.splice(0);
}

const own = (kind: StatusKind, service: ServiceKey = WEB): string => statusName(kind, service, NODE);

describe("ServiceL2Status", () => {
  beforeEach(() => start(L2_STATUS));

  test("is made and filled once; the echo of the watch writes nothing", async () => {
    writer.say(WEB, CLAIM);
    const name = own(L2_STATUS);
    expect(await settle()).toEqual([`create ${name}`, `patch ${name} status`]);
    writer.say(WEB, CLAIM);
    expect(await settle()).toEqual([]);
    expect(store.objects.get(name)).toMatchObject({
      metadata: { namespace: "system", ownerReferences: [{ kind: "Pod", name: "speaker-a", uid: "u" }] },
      status: { node: "a", serviceName: "web", serviceNamespace: "default" },
    });
  });

  test("other interfaces are one patch, and all of them again as well", async () => {
    writer.say(WEB, CLAIM);
    await settle();
    writer.say(WEB, { ...CLAIM, names: ["eth1"] });
    expect(await settle()).toEqual([`patch ${own(L2_STATUS)} status`]);
    writer.say(WEB, CLAIM);
    expect(await settle()).toEqual([`patch ${own(L2_STATUS)} status`]);
  });

  test("a watch that is behind makes nothing twice", async () => {
    store.behind = true;
    writer.say(WEB, CLAIM);
    await settle();
    writer.say(WEB, { ...CLAIM, names: ["eth1"] });
    const name = own(L2_STATUS);
    expect(await settle()).toEqual([`create ${name}`, `patch ${name}`, `patch ${name} status`]);
    expect(store.objects.size).toBe(1);
  });

  test("the one who answers deletes what others say, and his own when he does no longer", async () => {
    store.put("l2-old", record(L2_STATUS, "b", "l2-old"));
    expect(await settle()).toEqual([]);
    writer.say(WEB, CLAIM);
    expect((await settle()).at(-1)).toBe("delete l2-old");
    writer.say(WEB, undefined);
    expect(await settle()).toEqual([`delete ${own(L2_STATUS)}`]);
    store.put("l2-new", record(L2_STATUS, "b", "l2-new"));
    expect(await settle()).toEqual([]);
  });

  test("what an earlier life left stays until everything was decided, then goes", async () => {
    store.put("l2-mine", record(L2_STATUS, "a", "l2-mine"));
    expect(await settle()).toEqual([]);
    writer.settle();
    expect(await settle()).toEqual(["delete l2-mine"]);
  });

  test("what is deleted or edited by hand is put right; after leave() it is not", async () => {
    writer.say(WEB, CLAIM);
    await settle();
    store.put(own(L2_STATUS), undefined);
    expect(await settle()).toHaveLength(2);
    store.put(own(L2_STATUS), { ...record(L2_STATUS, "a", own(L2_STATUS)) });
    expect(await settle()).toEqual([`patch ${own(L2_STATUS)}`]);
    writer.leave();
    store.put(own(L2_STATUS), undefined);
    expect(await settle()).toEqual([]);
  });

  test("two nodes that both answer take each other's word away less and less often", async () => {
    const author = { node: nodeName("b"), namespace: "system", pod: undefined };
    const other = new ServiceStatusWriter(
      { clock, random: () => 0.5, log: silentLog, client: store, records: store },
      L2_STATUS,
      () => author,
    );
    void other.run(new AbortController().signal);
    for (const one of [writer, other]) one.say(WEB, CLAIM);
    const written: number[] = [];
    for (let minute = 0; minute < 30; minute++) {
      let writes = (await settle()).length;
      for (let i = 0; i < 240; i++) {
        clock.advance(millis(250));
        writes += (await settle()).length;
      }
      written.push(writes);
    }
    expect(written[0]).toBeLessThan(60);
    expect(Math.max(...written.slice(10))).toBeLessThanOrEqual(9);
    other.say(WEB, undefined);
    for (let i = 0; i < 10; i++) {
      clock.advance(seconds(60));
      await settle();
    }
    expect([...store.objects.keys()]).toEqual([own(L2_STATUS)]);
  });

  test("is tried again, later and later, when the API is not there", async () => {
    store.refuse = new ApiUnreachable("no route");
    writer.say(WEB, CLAIM);
    expect(await settle()).toHaveLength(1);
    clock.advance(seconds(1));
    expect(await settle()).toHaveLength(1);
    store.refuse = undefined;
    clock.advance(seconds(60));
    expect(await settle()).toHaveLength(2);
  });

  test("of 10,000 Services a hundred writes at once, then as many as the API takes with ease", async () => {
    for (let i = 0; i < 10_000; i++) writer.say(serviceKey("default", `web-${i}`), CLAIM);
    const first = await settle();
    expect(first.length).toBeLessThanOrEqual(100);
    let written = first.length;
    for (let i = 0; i < 100; i++) {
      clock.advance(millis(100));
      written += (await settle()).length;
    }
    expect(written).toBeGreaterThan(1_500);
    expect(written).toBeLessThanOrEqual(100 + 10 * 250);
  });

  test("what changes does not wait for all that a speaker that begins has to say", async () => {
    const named = (i: number): ServiceKey => serviceKey("default", `web-${i}`);
    for (let i = 0; i < 10_000; i++) writer.say(named(i), CLAIM);
    await settle();
    writer.say(named(9_999), { ...CLAIM, addresses: ["10.0.0.2"] });
    writer.say(named(9_998), undefined);
    writer.say(named(9_998), CLAIM);
    clock.advance(seconds(1));
    const names = [own(L2_STATUS, named(9_999)), own(L2_STATUS, named(9_998))];
    expect((await settle()).filter((call) => names.some((name) => call.includes(name)))).toHaveLength(4);
  });
});

describe("ServiceBGPStatus", () => {
  test("leaves the other nodes' alone", async () => {
    start(BGP_STATUS);
    store.put("bgp-b", record(BGP_STATUS, "b", "bgp-b"));
    writer.say(WEB, { names: ["r1"], addresses: undefined });
    expect(await settle()).toEqual([`create ${own(BGP_STATUS)}`, `patch ${own(BGP_STATUS)} status`]);
    expect(store.objects.get(own(BGP_STATUS))).toMatchObject({ status: { peers: ["r1"] } });
  });
});

describe("stripStatus()", () => {
  test.each([
    ["no object", 3],
    ["no name", { metadata: {} }],
  ])("%s is nothing", (_name, raw) => expect(stripStatus(L2_STATUS, raw)).toBeUndefined());

  test("reads what anybody wrote without a throw", () => {
    const raw = { metadata: { name: "x", annotations: 7, ownerReferences: "?" }, status: { node: 5, interfaces: {} } };
    expect(stripStatus(L2_STATUS, raw)).toMatchObject({ words: undefined, owners: [] });
  });
});
