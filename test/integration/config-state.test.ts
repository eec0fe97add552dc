import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isNotFound } from "../../src/kubernetes/errors.ts";
import { CONFIGURATION_STATES, IP_ADDRESS_POOLS, PODS } from "../../src/kubernetes/resource.ts";
import { untilEqual } from "../support/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Running, type RunningController, type RunningSpeaker, startController, startSpeaker } from "./daemons.ts";
import { Site } from "./site.ts";

/** ConfigurationState objects say the truth, whatever happens to them or to those who write them. */
let cluster: Cluster;
let site: Site;
const running: Running[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
beforeEach(async () => {
  site = await Site.create(cluster);
  await site.node("n1");
  await site.pool("a", ["198.51.100.0/28"]);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await site[Symbol.asyncDispose]();
});

interface RawState {
  readonly metadata: {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  };
  readonly status?: {
    readonly result?: string;
    readonly errorSummary?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime: string;
    }[];
  };
}

interface Writer {
  readonly object: (site: Site) => string;
  readonly condition: string;
  readonly start: (podName?: string) => Promise<Running>;
  /** What the metric says. */
  readonly stale: (running: Running | undefined) => boolean;
}

const WRITERS: readonly (readonly [string, Writer])[] = [
  [
    "controller",
    {
      object: () => "controller",
      condition: "poolReconcilerValid",
      start: (podName) => startController(site, cluster.config, podName),
      stale: (one) => isController(one) && one.controller.readings().config().stale,
    },
  ],
  [
    "speaker",
    {
      object: () => `speaker-${site.nodeName("n1")}`,
      condition: "configReconcilerValid",
      start: (podName): Promise<RunningSpeaker> => startSpeaker(site, "n1", cluster.config, { podName }),
      stale: (one) => isSpeaker(one) && one.speaker.readings().config().stale,
    },
  ],
];

function isController(one: Running | undefined): one is RunningController {
  return one !== undefined && "controller" in one;
}

function isSpeaker(one: Running | undefined): one is RunningSpeaker {
  return one !== undefined && "speaker" in one;
}

describe.each(WRITERS)("the ConfigurationState of a %s", (_name, { object, condition, start, stale }) => {
  const name = (): string => object(site);
  const read = async (): Promise<RawState | undefined> => {
    try {
      return await site.client.get<RawState>(CONFIGURATION_STATES, name(), { namespace: site.system });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const run = async (podName?: string): Promise<Running> => {
    const one = await start(podName);
    running.push(one);
    return one;
  };
  const says = (result: string, status: string): Promise<void> =>
    untilEqual("the verdict", async () => {
      const said = (await read())?.status;
      return [said?.result, said?.conditions?.map((one) => [one.type, one.status])];
    }, [result, [[condition, status]]]);
  const broken = (): Promise<void> => site.pool("b", ["198.51.100.0/29"]);

  test("is made at the start, and turns with an edit and with its revert", async () => {
    await run();
    await says("Valid", "True");
    await broken();
    await says("Invalid", "False");
    expect((await read())?.status?.errorSummary).toContain("overlaps");
    await site.delete(IP_ADDRESS_POOLS, "b");
    await says("Valid", "True");
    expect((await read())?.status?.errorSummary).toBe("");
  });

  test("and the metric of stale configuration turn back when the edit is taken back to the very words before", async () => {
    const [one, before] = [await run(), ["198.51.100.0/28"]];
    await site.pool("b", ["198.51.100.32/28"]);
    await says("Valid", "True");
    for (let round = 0; round < 2; round++) {
      await site.pool("a", ["198.51.100.32/29"]);
      await says("Invalid", "False");
      expect(stale(one)).toBe(true);
      await site.pool("a", before);
      await says("Valid", "True");
      expect(stale(one)).toBe(false);
    }
  });

  test.each<[string, () => Promise<void>]>([
    ["is deleted", () => site.client.delete(CONFIGURATION_STATES, name(), { namespace: site.system })],
    [
      "says another result",
      () => site.merge(CONFIGURATION_STATES, name(), { status: { result: "Invalid" } }, "status"),
    ],
    [
      "has lost its conditions",
      () => site.merge(CONFIGURATION_STATES, name(), { status: { conditions: null } }, "status"),
    ],
    ["has lost its labels", () => site.merge(CONFIGURATION_STATES, name(), { metadata: { labels: null } })],
  ])("is put right when it %s", async (_what, harm) => {
    await run();
    await says("Valid", "True");
    await harm();
    await says("Valid", "True");
    await untilEqual(
      "the label",
      async () => (await read())?.metadata.labels?.["metallb.io/component-type"],
      name() === "controller" ? "controller" : "speaker",
    );
  });

  test("goes on over a restart: what was wrong is wrong since then, and what was mended meanwhile is well", async () => {
    await broken();
    const first = await run();
    await says("Invalid", "False");
    const since = (await read())?.status?.conditions?.[0]?.lastTransitionTime;
    await first.stop();
    await run();
    await untilEqual("the time", async () => (await read())?.status?.conditions?.[0]?.lastTransitionTime, since);
    await running.at(-1)?.stop();
    await site.delete(IP_ADDRESS_POOLS, "b");
    await run();
    await says("Valid", "True");
  });

  test("is owned by the pod that writes it, and by the next one after that", async () => {
    for (const pod of ["pod-1", "pod-2"]) {
      const spec = { containers: [{ name: "main", image: "herald" }] };
      await site.put(PODS, site.system, pod, { spec });
      const one = await run(pod);
      await untilEqual(
        "the owner",
        async () => (await read())?.metadata.ownerReferences?.map((owner) => `${owner.kind} ${owner.name}`),
        [`Pod ${pod}`],
      );
      await one.stop();
    }
  });

  test("is not written again and again", async () => {
    await run();
    await says("Valid", "True");
    const before = (await read())?.metadata.resourceVersion;
    await site.pool("a", ["198.51.100.0/27"]);
    await site.pool("c", ["198.51.100.64/27"]);
    await site.node("n2");
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await read())?.metadata.resourceVersion).toBe(before);
  });
});
