import { type Agent, ip, whyNoNamespaces } from "../support/network-namespace.ts";
import { until } from "../support/until.ts";
import { type Bench, type BenchOptions, median, type Table } from "./bench.ts";
import { BenchLan, hasKeepalived } from "./layer2-lan.ts";

const NODE = new URL("./layer2-node.ts", import.meta.url).pathname;
const CLIENT = new URL("./layer2-client.ts", import.meta.url).pathname;
const RATES = [500, 10_000];
const SECONDS = 4;
const MANY = 1000;
/** The longest silence between two rounds of announcements. */
const LONGEST_GAP = 2500;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const addresses = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `10.78.${1 + (i >> 8)}.${i & 255}`);
const addresses6 = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `fd78::${(i + 1).toString(16)}`);

/** The layer-2 engine in its thread: how fast it answers, and how many addresses it carries. */
export const layer2Bench: Bench = {
  name: "layer2",
  summary:
    "ARP replies under load beside the kernel's, and 1,000 addresses on one node (needs root; parts: replies, many)",
  run: async (note, options) => {
    const why = whyNoNamespaces();
    if (why !== undefined) throw new Error(`network namespaces and the native sockets are needed${why}`);
    const parts = [
      { name: "replies", run: replies },
      { name: "many", run: many },
    ];
    const tables: Table[] = [];
    for (const { name, run } of parts)
      if (options.only === undefined || options.only === name)
        tables.push(await onLan((lan) => run(lan, note, options)));
    return tables;
  },
};

type Note = (text: string) => void;

async function onLan<T>(work: (lan: BenchLan) => Promise<T>): Promise<T> {
  const lan = BenchLan.create();
  try {
    return await work(lan);
  } finally {
    await lan.remove();
  }
}

interface Answers {
  readonly asked: number;
  readonly lost: number;
  /** Sorted, in microseconds. */
  readonly latencies: readonly number[];
  /** Frames the measuring side had no room for: that makes a run worthless. */
  readonly missed: number;
}

interface Sample {
  readonly p50: number;
  readonly p99: number;
  readonly asked: number;
  readonly lost: number;
  readonly busy: number;
}

async function replies(lan: BenchLan, note: Note, { runs }: BenchOptions): Promise<Table> {
  const ips = addresses(100);
  const client = new Client(lan, ips);
  await client.start();
  const rows: string[][] = [];
  const measure = async (who: string, mainThread: string, node?: Agent): Promise<void> => {
    for (const rate of RATES) {
      const samples: Sample[] = [];
      for (let run = 1; run <= runs; run++) {
        note(`${who}, ${mainThread}, ${rate}/s: run ${run} of ${runs}`);
        samples.push(await client.sample(rate, node));
      }
      rows.push([who, `${rate.toLocaleString("en-US")}/s`, mainThread, ...cellsOf(samples, node !== undefined)]);
    }
  };
  const node = lan.agent("node", NODE);
  await node.call("start");
  await node.call("hold", { ips });
  await measure("Herald", "idle", node);
  await node.call("parse", { on: true });
  await measure("Herald", "parses 10,000 Services, again and again", node);
  await node.call("parse", { on: false });
  await node.call("close");
  if (hasKeepalived) {
    const keepalived = await lan.keepalived(ips);
    await pause(LONGEST_GAP);
    await measure("keepalived: the kernel answers", "–");
    await keepalived.stop();
  }
  return {
    title: "ARP replies",
    columns: ["who", "requests", "main thread", "p50", "p99", "lost of asked", "main thread busy"],
    rows,
    remark: `100 addresses, asked in turn for ${SECONDS} s; medians of ${runs} runs, losses of all. From the request's to the reply's time stamp by the kernel on the client's interface, across a bridge.`,
  };
}

function cellsOf(samples: readonly Sample[], busy: boolean): readonly string[] {
  const of = (pick: (sample: Sample) => number): number => median(samples.map(pick));
  const sum = (pick: (sample: Sample) => number): number => samples.reduce((all, one) => all + pick(one), 0);
  return [
    `${of(({ p50 }) => p50).toFixed(0)} µs`,
    `${of(({ p99 }) => p99).toFixed(0)} µs`,
    `${sum(({ lost }) => lost)} of ${sum(({ asked }) => asked).toLocaleString("en-US")}`,
    busy ? `${of((sample) => sample.busy).toFixed(1)} %` : "–",
  ];
}

/** Who asks, and who hears the answers: two processes, so that asking does not wait for hearing. */
class Client {
  readonly #asker: Agent;
  readonly #tap: Agent;
  readonly #ips: readonly string[];
  readonly #mac: string;

  constructor(lan: BenchLan, ips: readonly string[]) {
    this.#asker = lan.agent("client", CLIENT);
    this.#tap = lan.agent("client", CLIENT);
    this.#ips = ips;
    this.#mac = /link\/ether ([0-9a-f:]+)/.exec(ip(`-n ${lan.nameOf("client")} link show eth0`))?.[1] ?? "";
  }

  async start(): Promise<void> {
    await this.#tap.call("listen", { family: 4 });
  }

  async sample(rate: number, node: Agent | undefined): Promise<Sample> {
    // Half a second to warm up does not count.
    await this.#ask(rate, rate / 2);
    await this.#tap.call("answers");
    await node?.call("utilisation");
    await this.#ask(rate, rate * SECONDS);
    const busy = ((await node?.call("utilisation")) as number | undefined) ?? 0;
    const { asked, lost, latencies, missed } = (await this.#tap.call("answers")) as Answers;
    if (missed > 0) throw new Error(`the client had no room for ${missed} frames: measure on a quieter machine`);
    return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), asked, lost, busy };
  }

  async #ask(rate: number, total: number): Promise<void> {
    await this.#asker.call("ask", { ips: this.#ips, rate, total, mac: this.#mac });
    await pause(500);
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

interface Heard {
  readonly addresses: number;
  readonly frames: number;
  /** From the first address's first announcement to the last one's. */
  readonly milliseconds: number;
  readonly missed: number;
}

interface ManySample {
  readonly told: number;
  readonly spread: number;
  readonly sent: number;
  readonly lost: number;
  readonly megabytes: number;
}

async function many(lan: BenchLan, note: Note, { runs }: BenchOptions): Promise<Table> {
  const tap = lan.agent("client", CLIENT);
  const rows: string[][] = [];
  for (const [family, ips] of [
    [4, addresses(MANY)],
    [6, addresses6(MANY)],
  ] as const) {
    await tap.call("listen", { family });
    const samples: ManySample[] = [];
    for (let run = 1; run <= runs; run++) {
      note(`${MANY} addresses of IPv${family}: run ${run} of ${runs}`);
      samples.push(await carryMany(lan, tap, ips));
    }
    rows.push(["Herald", `IPv${family}`, ...manyCells(samples)]);
  }
  if (hasKeepalived) {
    note("keepalived with 1,000 addresses");
    await tap.call("listen", { family: 4 });
    rows.push(["keepalived", "IPv4", ...(await keepalivedMany(lan, tap))]);
  }
  return {
    title: "1,000 addresses on one node",
    columns: ["who", "family", "told until announced", "first to last on the wire", "frames", "lost", "memory"],
    rows,
    remark: `All taken over at once, without probing; medians of ${runs} runs, losses of all. Frames are counted where they arrive; memory is how much the resident set of the process grew.`,
  };
}

async function carryMany(lan: BenchLan, tap: Agent, ips: readonly string[]): Promise<ManySample> {
  const node = lan.agent("node", NODE);
  await node.call("start");
  await pause(1000);
  const before = (await node.call("memory")) as number;
  const told = (await node.call("hold", { ips })) as number;
  const sent = await quiet(() => node.call("sentFrames"));
  const megabytes = ((await node.call("memory")) as number) - before;
  const heard = (await tap.call("announced")) as Heard;
  if (heard.missed > 0) throw new Error(`the client had no room for ${heard.missed} frames`);
  if (heard.addresses !== ips.length) throw new Error(`${heard.addresses} of ${ips.length} addresses were announced`);
  await node.stop();
  return { told, spread: heard.milliseconds, sent, lost: sent - heard.frames, megabytes };
}

/** The count when it has not grown for longer than announcements pause. */
async function quiet(read: () => Promise<unknown>): Promise<number> {
  let [last, since] = [-1, performance.now()];
  await until(
    "an end of the announcements",
    async () => {
      const now = Number(await read());
      if (now !== last) [last, since] = [now, performance.now()];
      await pause(100);
      return performance.now() - since > LONGEST_GAP;
    },
    60_000,
  );
  return last;
}

function manyCells(samples: readonly ManySample[]): readonly string[] {
  const of = (pick: (sample: ManySample) => number): number => median(samples.map(pick));
  const lost = samples.reduce((sum, sample) => sum + sample.lost, 0);
  const sent = samples.reduce((sum, sample) => sum + sample.sent, 0);
  return [
    `${of(({ told }) => told).toFixed(0)} ms`,
    `${of(({ spread }) => spread).toFixed(0)} ms`,
    `${of((sample) => sample.sent)}`,
    `${lost} of ${sent.toLocaleString("en-US")}`,
    `${of(({ megabytes }) => megabytes).toFixed(1)} MB`,
  ];
}

async function keepalivedMany(lan: BenchLan, tap: Agent): Promise<readonly string[]> {
  const few = await lan.keepalived(addresses(1));
  const before = few.megabytes();
  await few.stop();
  await tap.call("announced");
  const all = await lan.keepalived(addresses(MANY));
  const frames = await quiet(() => tap.call("frames"));
  await pause(5000);
  const megabytes = Math.max(0, all.megabytes() - before);
  const heard = (await tap.call("announced")) as Heard;
  await all.stop();
  return ["–", `${heard.milliseconds.toFixed(0)} ms`, `${frames}`, "–", `${megabytes.toFixed(1)} MB`];
}
