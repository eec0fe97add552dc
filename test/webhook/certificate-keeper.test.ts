import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { ApiError, ApiUnreachable } from "../../src/kubernetes/errors.ts";
import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import { issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";
import { CertificateKeeper, type ToldBundles } from "../../src/webhook/certificate-keeper.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const START = Date.parse("2026-11-22T12:00:00Z");
const DAY = seconds(86_400);
type Data = Readonly<Record<string, string>>;

/** One Secret behind optimistic concurrency, and a clock that is wrong by as much as the test says. */
class World {
  readonly clock = new VirtualClock();
  readonly #keepers: CertificateKeeper[] = [];
  #busy = 0;
  readonly writes: Data[] = [];
  readonly stop = new AbortController();
  data: Data | undefined;
  version = 1;
  outage: "none" | "unreachable" | "forbidden" = "none";
  reads = 0;
  told: ToldBundles = { told: () => [], knows: () => true };

  keeper(options: { skew?: number; readOnly?: boolean; names?: readonly string[] } = {}): CertificateKeeper {
    const keeper = new CertificateKeeper(
      {
        client: { get: this.#get, create: this.#create, update: this.#update },
        clock: this.clock,
        wallClock: () => new Date(this.now() + (options.skew ?? 0)),
        random: () => 0.5,
        log: silentLog,
        makeAuthority: (request) => this.#counted(makeAuthority(request)),
        issueServerCertificate: (request) => this.#counted(issueServerCertificate(request)),
        callers: { told: () => this.told.told(), knows: (bundle) => this.told.knows(bundle) },
      },
      {
        namespace: "ns",
        secretName: "cert",
        authorityName: "svc-ca",
        dnsNames: options.names ?? ["svc.ns.svc"],
        readOnly: options.readOnly ?? false,
      },
    );
    this.#keepers.push(keeper);
    void keeper.run(this.stop.signal);
    return keeper;
  }

  now(): number {
    return START + this.clock.now() / 1000;
  }

  /** Time passes in steps, and in each everything is done that can be. */
  async pass(total: Micros, step: Micros = total): Promise<void> {
    for (let done = 0; done < total; done += step) {
      this.clock.advance(step);
      await this.idle();
    }
  }

  /** Until the keepers sleep: making keys takes real time. */
  async idle(): Promise<void> {
    for (let calm = 0; calm < 4; calm = this.#busy === 0 ? calm + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  text(member: string): string {
    return Buffer.from(this.data?.[member] ?? "", "base64").toString();
  }

  certificates(member: string): readonly X509Certificate[] {
    const texts = this.text(member).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    return texts.map((text) => new X509Certificate(text));
  }

  async #counted<T>(work: Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work;
    } finally {
      this.#busy -= 1;
    }
  }

  #fail(): void {
    if (this.outage === "unreachable") throw new ApiUnreachable("black hole");
    if (this.outage === "forbidden") throw new ApiError({ status: 403, reason: "Forbidden", message: "no" });
  }

  #get = async (): Promise<never> => {
    this.reads += 1;
    this.#fail();
    await Promise.resolve();
    if (this.data === undefined) throw new ApiError({ status: 404, reason: "NotFound", message: "no" });
    return this.#object() as never;
  };

  #create = async (_resource: unknown, body: unknown): Promise<never> => {
    this.#fail();
    if (this.data !== undefined) throw new ApiError({ status: 409, reason: "AlreadyExists", message: "there" });
    return this.#store(body);
  };

  #update = async (_resource: unknown, _name: string, body: unknown): Promise<never> => {
    this.#fail();
    const { metadata } = body as { metadata: { resourceVersion: string } };
    if (metadata.resourceVersion !== String(this.version))
      throw new ApiError({ status: 409, reason: "Conflict", message: "changed" });
    return this.#store(body);
  };

  #store(body: unknown): never {
    const { data } = body as { data: Data };
    this.data = data;
    this.version += 1;
    this.writes.push(data);
    // As the watch does.
    for (const keeper of this.#keepers) keeper.look();
    return this.#object() as never;
  }

  #object(): object {
    const metadata = { name: "cert", namespace: "ns", resourceVersion: String(this.version) };
    return { apiVersion: "v1", kind: "Secret", metadata, data: this.data };
  }
}

async function begun(
  options: Parameters<World["keeper"]>[0] = {},
): Promise<{ world: World; keeper: CertificateKeeper }> {
  const world = new World();
  const keeper = world.keeper(options);
  await until("the first certificate", () => keeper.texts !== undefined);
  await world.idle();
  return { world, keeper };
}

const encode = (text: string): string => Buffer.from(text).toString("base64");

describe("the Secret of the webhook's certificate", () => {
  it("is made when there is none, and then left alone", async () => {
    const { world } = await begun();
    await world.pass(micros(DAY * 200), DAY);
    expect(world.writes).toHaveLength(1);
    expect(world.certificates("tls.crt")[0]?.checkHost("svc.ns.svc")).toBe("svc.ns.svc");
  });

  it("never ends in twelve years: every certificate is renewed months before, the authority once", async () => {
    const { world } = await begun();
    let least = Number.POSITIVE_INFINITY;
    const authorities = new Set<string>();
    for (let day = 0; day < 12 * 365; day += 10) {
      await world.pass(micros(DAY * 10));
      const [leaf] = world.certificates("tls.crt");
      const [first] = world.certificates("ca.crt");
      least = Math.min(least, Date.parse(leaf?.validTo ?? "") - world.now());
      authorities.add(first?.fingerprint256 ?? "");
      expect(world.certificates("ca.crt").some((authority) => leaf?.verify(authority.publicKey))).toBe(true);
    }
    expect(least / 86_400_000).toBeGreaterThan(100);
    expect(authorities.size).toBe(2);
    expect(world.writes.length).toBeLessThan(25);
  }, 60_000);

  it("is the same for two replicas that begin at once", async () => {
    const world = new World();
    const [one, two] = [world.keeper(), world.keeper()];
    await world.pass(seconds(60), seconds(1));
    expect(one.texts).toEqual(two.texts);
    expect(world.writes).toHaveLength(1);
  });

  it("is made again when it was deleted: new, and what is served goes on until callers know", async () => {
    const { world, keeper } = await begun();
    const served = keeper.texts?.certificate;
    world.told = { told: () => [], knows: () => false };
    world.data = undefined;
    keeper.look();
    await until("a new one", () => world.data !== undefined);
    await world.idle();
    expect(world.certificates("ca.crt")).toHaveLength(2);
    expect(keeper.texts?.certificate).toBe(served);
    world.told = { told: () => [], knows: () => true };
    await world.pass(seconds(10), seconds(5));
    expect(keeper.texts?.certificate).not.toBe(served);
  });

  it.each([
    ["text", { "ca.crt": "rubbish", "ca.key": "rubbish", "tls.crt": "rubbish", "tls.key": "rubbish" }],
    [
      "PEM around rubbish",
      { "ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ca.key": "x" },
    ],
    ["nothing, as the chart makes it", {}],
  ])("is made anew from %s", async (_, texts) => {
    const world = new World();
    world.data = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, encode(text)]));
    const keeper = world.keeper();
    await until("a certificate", () => keeper.texts !== undefined);
    expect(world.certificates("tls.crt")).toHaveLength(1);
    expect(world.writes).toHaveLength(1);
  });

  it("keeps what others put beside", async () => {
    const world = new World();
    world.data = { note: encode("by hand") };
    const keeper = world.keeper();
    await until("a certificate", () => keeper.texts !== undefined);
    expect(world.text("note")).toBe("by hand");
  });

  it("is never written when told so", async () => {
    const { world } = await begun();
    const other = world.keeper({ readOnly: true, names: ["other.ns.svc"] });
    await until("it serves", () => other.texts !== undefined);
    await world.pass(micros(DAY * 800), micros(DAY * 10));
    // The first keeper renews; the reader follows.
    expect(world.certificates("tls.crt")[0]?.checkHost("other.ns.svc")).toBeUndefined();
    expect(other.texts?.certificate).toBe(world.text("tls.crt"));
  });

  it("gets another certificate when the Service has another name", async () => {
    const { world } = await begun();
    const [before] = world.certificates("ca.crt");
    const renamed = world.keeper({ names: ["new.ns.svc"] });
    await until("renamed", () => renamed.texts !== undefined);
    expect(world.certificates("tls.crt")[0]?.checkHost("new.ns.svc")).toBe("new.ns.svc");
    expect(world.certificates("ca.crt")[0]?.fingerprint256).toBe(before?.fingerprint256);
  });

  it("is served on through an outage of the API, and asked for without a storm", async () => {
    const { world, keeper } = await begun();
    const [served, reads] = [keeper.texts, world.reads];
    world.outage = "unreachable";
    await world.pass(seconds(7200), seconds(10));
    expect(keeper.texts).toBe(served);
    expect(world.reads - reads).toBeLessThan(400);
    world.outage = "none";
    await world.pass(seconds(60), seconds(10));
    expect(world.writes).toHaveLength(1);
  });

  it("is not fought over by a replica whose clock is ten years ahead", async () => {
    const { world } = await begun();
    world.keeper({ skew: 10 * 365 * 86_400_000 });
    await world.pass(micros(DAY), seconds(60));
    // Two replicas, four free writes each, and then a pause that doubles up to half an hour.
    expect(world.writes.length).toBeLessThan(120);
  }, 30_000);

  it("goes on when the clock is set by a year, either way", async () => {
    const { world, keeper } = await begun();
    const skewed = world.keeper({ skew: -365 * 86_400_000 });
    await until("served", () => skewed.texts !== undefined);
    await world.pass(millis(1));
    expect(keeper.texts?.certificate).toBeDefined();
    expect(skewed.texts?.certificate).toBeDefined();
  });
});
