import { X509Certificate } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import { IP_ADDRESS_POOLS, VALIDATING_WEBHOOK_CONFIGURATIONS } from "../../src/kubernetes/resource.ts";
import { micros, millis } from "../../src/net/micros.ts";
import { type Clock, systemClock, systemWallClock } from "../../src/system/clock.ts";
import { Webhook } from "../../src/webhook/webhook.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import { NAMESPACE, WebhookCluster, webhookConfiguration } from "./webhook-cluster.ts";

const HURRY = 30;
/** Real time, told faster: what waits half a minute waits a second. */
const hurriedClock: Clock = {
  now: () => micros(systemClock.now() * HURRY),
  after: (delay, fire) => systemClock.after(micros(delay / HURRY), fire),
};
const NOTHING = {
  pools: [],
  peers: [],
  bgpAdvertisements: [],
  l2Advertisements: [],
  communities: [],
  bfdProfiles: [],
  nodes: [],
  namespace: NAMESPACE,
};
const SECRET = { apiVersion: "v1", kind: "Secret", namespace: NAMESPACE, name: "metallb-webhook-cert" };

describe("two replicas whose webhooks the API server calls in turn", () => {
  const stop = new AbortController();
  let cluster: WebhookCluster | undefined;
  afterEach(async () => {
    stop.abort();
    await cluster?.[Symbol.asyncDispose]();
  });

  it("begin with one authority, and refuse no request while all of it is replaced", { timeout: 60_000 }, async () => {
    const world = await WebhookCluster.start("Fail");
    cluster = world;
    const replicas = [replica(world, stop.signal), replica(world, stop.signal)];
    await until("both ready", () => replicas.every(({ webhook }) => webhook.waiting().length === 0));
    for (const { webhook } of replicas) world.alsoRoute(webhook.port ?? 0);
    const first = authoritiesOf(world);
    expect(first).toHaveLength(1);
    expect(writesOf(world)).toBe(2);

    const load = keepAsking(world);
    await until("the load runs", () => load.answered() > 20);
    // What callers are told arrives late: until then nothing may be served that they do not trust.
    world.api.faults.delayNext(4, millis(400), { method: "PATCH" });
    // As somebody does who wants everything new.
    world.api.store.delete(SECRET);
    await until("another authority", () => authoritiesOf(world).length === 2);
    await until("it signed what is served", () => issuedBy(world, authoritiesOf(world)[0]), 30_000);
    const asked = load.answered();
    await until("the load goes on", () => load.answered() > asked + 50);
    // As an upgrade with a manifest that has none: the one gap there is, and it closes by itself.
    expect(await load.end()).toEqual([]);
    const writes = writesOf(world);
    world.api.store.apply(webhookConfiguration("Fail"));
    await until("told again", () => replicas.every(({ webhook }) => webhook.waiting().length === 0));
    await until("reviews work", async () => (await create(clientOf(world), 9_999_999)) === undefined);
    expect(writesOf(world) - writes).toBeLessThanOrEqual(3);
  });
});

describe("a replica that is told to stop, as in every upgrade", () => {
  it("goes on answering until the Service leads elsewhere, and then ends", { timeout: 30_000 }, async () => {
    await using world = await WebhookCluster.start("Fail");
    const stop = new AbortController();
    const { webhook, running } = replica(world, stop.signal, systemClock);
    await until("ready", () => webhook.waiting().length === 0);
    world.route(webhook.port ?? 0);
    expect(await create(clientOf(world), 1)).toBeUndefined();
    stop.abort();
    for (let n = 2; n < 12; n++) expect(await create(clientOf(world), n)).toBeUndefined();
    await running;
    expect(webhook.port).toBeUndefined();
  });
});

function clientOf(world: WebhookCluster): KubernetesClient {
  return new KubernetesClient({ log: silentLog }, anonymousConfig(world.api.url));
}

function replica(
  world: WebhookCluster,
  signal: AbortSignal,
  clock = hurriedClock,
): { readonly webhook: Webhook; readonly running: Promise<void> } {
  const base = { clock, wallClock: systemWallClock, random: Math.random, log: silentLog };
  const webhook = new Webhook(
    { ...base, client: clientOf(world), cluster: { objects: () => NOTHING, unsynced: () => [] } },
    {
      namespace: NAMESPACE,
      port: 0,
      address: "127.0.0.1",
      serviceName: "metallb-webhook-service",
      secretName: SECRET.name,
      configurationName: "metallb-webhook-configuration",
      certificates: "kept-secret",
      tls: { minVersion: "TLSv1.3" },
    },
  );
  return { webhook, running: webhook.run(signal) };
}

async function create(client: KubernetesClient, n: number): Promise<unknown> {
  const address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}/32`;
  const metadata = { name: `load-${n}`, namespace: NAMESPACE };
  const body = { apiVersion: "metallb.io/v1beta1", kind: "IPAddressPool", metadata, spec: { addresses: [address] } };
  try {
    await client.create<unknown>(IP_ADDRESS_POOLS, body, { namespace: NAMESPACE });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Four clients that make objects without a pause; at the end, what was refused. */
function keepAsking(world: WebhookCluster): { answered: () => number; end: () => Promise<readonly unknown[]> } {
  const client = clientOf(world);
  const refused: unknown[] = [];
  let [next, answered, isOver] = [0, 0, false];
  const one = async (): Promise<void> => {
    while (!isOver) {
      const problem = await create(client, next++);
      answered += 1;
      if (problem !== undefined) refused.push(problem);
    }
  };
  const all = Promise.all([one(), one(), one(), one()]);
  const end = async (): Promise<readonly unknown[]> => {
    isOver = true;
    await all;
    client.close();
    return refused;
  };
  return { answered: () => answered, end };
}

function dataOf(world: WebhookCluster, member: string): string {
  const data = world.api.store.get(SECRET)?.["data"];
  const value = typeof data === "object" && data !== null && member in data ? Reflect.get(data, member) : "";
  return Buffer.from(String(value), "base64").toString();
}

function authoritiesOf(world: WebhookCluster): readonly X509Certificate[] {
  const texts = dataOf(world, "ca.crt").match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return texts.map((text) => new X509Certificate(text));
}

function issuedBy(world: WebhookCluster, authority: X509Certificate | undefined): boolean {
  const text = dataOf(world, "tls.crt");
  return authority !== undefined && text !== "" && new X509Certificate(text).verify(authority.publicKey);
}

/** How often what the API server is told was written, by anybody. */
function writesOf(world: WebhookCluster): number {
  const { apiVersion, kind } = webhookConfigurationPlace;
  const generation = world.api.store.get({ apiVersion, kind, name: "metallb-webhook-configuration" })?.metadata
    .generation;
  return generation ?? 0;
}

const webhookConfigurationPlace = {
  apiVersion: `${VALIDATING_WEBHOOK_CONFIGURATIONS.group}/${VALIDATING_WEBHOOK_CONFIGURATIONS.version}`,
  kind: VALIDATING_WEBHOOK_CONFIGURATIONS.kind,
};
