import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ip, NamespacePair, whyNoNamespaces } from "../support/network-namespace.ts";

// The prober against a kernel: what it says of a neighbour that answers for certain.
const PROBER = new URL("../../labs/runner/prober.mjs", import.meta.url).pathname;
const why = whyNoNamespaces() ?? whyNoRawSocket();

/** It is an optional dependency: where it cannot be compiled, labs go without their prober. */
function whyNoRawSocket(): string | undefined {
  try {
    createRequire(import.meta.url)("raw-socket");
    return undefined;
  } catch {
    return " (skipped: raw-socket is not built)";
  }
}

interface Outcome {
  readonly status: number | null;
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly complaint: string;
}

describe.skipIf(why !== undefined)(`the labs' prober${why ?? ""}`, () => {
  let pair: NamespacePair;
  let mac: string;

  const probe = async (line: string): Promise<Outcome> => {
    const argv = [`--net=/run/netns/${pair.names[1]}`, process.execPath, PROBER, ...line.split(" ")];
    const child = spawn("nsenter", argv);
    let [out, complaint] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    const lines = out.split("\n").filter((text) => text !== "");
    return { status, lines: lines.map((text) => JSON.parse(text)), complaint };
  };

  beforeAll(() => {
    pair = NamespacePair.create("hprob");
    mac = /link\/ether ([0-9a-f:]+)/.exec(ip(`-n ${pair.names[0]} link show eth0`))?.[1] ?? "";
  });
  afterAll(() => pair.remove());

  it("tells the MAC of who answers a solicitation, and when", async () => {
    const { status, lines } = await probe("neighbour-solicitation fd77::1 --interface eth0 --count 2 --interval 50");
    const answer = { source: "fd77::1", mac, router: false, solicited: true, override: true };
    expect(lines).toEqual([
      { sequence: 1, ...answer, milliseconds: expect.any(Number), at: expect.any(Number) },
      { sequence: 2, ...answer, milliseconds: expect.any(Number), at: expect.any(Number) },
      { summary: true, asked: 2, answered: 2, macs: [mac] },
    ]);
    expect(status).toBe(0);
  });

  it("asks by unicast, without an own hardware address: the kernel answers without one, too", async () => {
    const line = "neighbour-solicitation fd77::1 --interface eth0 --unicast --without-source";
    const { status, lines } = await probe(line);
    expect(lines).toContainEqual(expect.objectContaining({ source: "fd77::1", solicited: true, override: false }));
    expect(status).toBe(0);
  });

  it.each([["neighbour-solicitation fd77::9 --interface eth0"], ["echo 10.77.0.9"]])(
    "%s: nobody answers",
    async (line) => {
      expect(await probe(`${line} --timeout 200`)).toEqual({
        status: 1,
        lines: [{ summary: true, asked: 1, answered: 0, macs: [] }],
        complaint: "",
      });
    },
  );

  it.each(["10.77.0.1", "fd77::1"])("an echo comes back from %s", async (target) => {
    const { status, lines } = await probe(`echo ${target}`);
    expect(lines[0]).toEqual({
      sequence: 1,
      source: target,
      milliseconds: expect.any(Number),
      at: expect.any(Number),
    });
    expect(status).toBe(0);
  });

  it.each([
    ["", "not an address"],
    ["echo nowhere", "not an address: nowhere"],
    ["ping ::1", "neighbour-solicitation, echo"],
    ["echo ::1 --count 0", "--count takes a whole number"],
    ["neighbour-solicitation fd77::1", "--interface"],
    ["neighbour-solicitation 10.77.0.1 --interface eth0", "IPv6"],
    ["neighbour-solicitation fd77::1 --interface nowhere0", "no interface nowhere0"],
  ])("wrong usage is refused: %s", async (line, complaint) => {
    const outcome = await probe(line);
    expect(outcome).toMatchObject({ status: 2, lines: [] });
    expect(outcome.complaint).toContain(complaint);
  });
});
