import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { JournalConnection } from "../../src/bgp/journal.ts";
import { encodeControl } from "../../src/bgp/message/message.ts";
import { cease } from "../../src/bgp/message/notification.ts";
import { encodeUpdate } from "../../src/bgp/message/update.ts";
import { type CapturedMessage, PcapStream } from "../../src/inspection/pcap.ts";
import { micros } from "../../src/net/micros.ts";
import { ip, prefix } from "../bgp/values.ts";

const CX = { fourOctetAsn: true, internal: false, extendedMessages: true };
const START = 1_790_000_000_000_000;

function connection(number: number, change: Partial<JournalConnection> = {}): JournalConnection {
  return {
    connection: number,
    at: micros(0),
    direction: "outgoing",
    local: { address: ip("192.0.2.11"), port: 40_000 + number },
    remote: { address: ip("192.0.2.1"), port: 179 },
    ...change,
  };
}

const open = (as: number, identifier: number): Uint8Array =>
  encodeControl({
    type: "open",
    open: {
      myAs: as,
      holdTime: 90,
      identifier,
      capabilities: { families: [{ afi: 1, safi: 1 }], fourOctetAsn: as, extendedMessage: true },
    },
  });
const ALIVE = encodeControl({ type: "keepalive" });
const GOODBYE = encodeControl({ type: "notification", notification: cease(2, "maintenance") });

function update(first: number, count: number): Uint8Array {
  const nlri = Array.from({ length: count }, (_, i) => prefix(`10.${first}.${i >> 8}.${i & 255}/32`));
  const attributes = {
    origin: "igp",
    asPath: [{ type: "sequence", asns: [64512] }],
    nextHop: ip("192.0.2.11"),
  } as const;
  return encodeUpdate({ withdrawn: [], attributes, nlri }, CX);
}

/** A whole session: OPENs, routes, and its end by the peer. */
function session(on: JournalConnection, start: number, routes = 700): readonly CapturedMessage[] {
  const said: readonly (readonly ["in" | "out", Uint8Array])[] = [
    ["out", open(64512, 1)],
    ["in", open(64513, 2)],
    ["out", ALIVE],
    ["in", ALIVE],
    ["out", update(1, 3)],
    ["out", update(2, routes)],
    ["in", ALIVE],
    ["in", GOODBYE],
  ];
  return said.map(([direction, bytes], i) => ({
    at: start + 1000 * i,
    direction,
    bytes,
    connection: on,
    connectedAt: start - 500,
  }));
}

function capture(messages: readonly CapturedMessage[]): Buffer {
  const pcap = new PcapStream();
  return Buffer.concat([pcap.begin(), ...messages.map((one) => pcap.message(one))]);
}

describe("the file", () => {
  test("begins as draft-ietf-opsawg-pcap section 4 has it", () => {
    const golden = "a1b2c3d4" + "00020004" + "00000000" + "00000000" + "00040000" + "00000001";
    expect(capture([]).toString("hex")).toBe(golden);
  });

  test("has the octets of a packet as RFC 791, 9293 and 1071 give them by hand", () => {
    const [first] = session(connection(1), START);
    const file = capture(first === undefined ? [] : [{ ...first, bytes: ALIVE }]);
    const record = (n: number, length: number): Buffer => file.subarray(24 + n, 24 + n + length);
    // The first packet: 62 octets at 1,789,999,999.999500 s, a SYN with its two options.
    expect(record(0, 16).toString("hex")).toBe(
      [1_789_999_999, 999_500, 62, 62].map((n) => n.toString(16).padStart(8, "0")).join(""),
    );
    const frame = record(16, 62).toString("hex");
    expect(frame.slice(0, 28)).toBe("020000000002" + "020000000001" + "0800");
    // 45c0 + 0030 + 0000 + 4000 + 4006 + c000 + 020b + c000 + 0201 = 24a02 -> 4a04 -> b5fb.
    expect(frame.slice(28, 68)).toBe("45c0003000004000" + "4006" + "b5fb" + "c000020b" + "c0000201");
    expect(frame.slice(68, 76)).toBe("9c4100b3");
    expect(frame.slice(-16)).toBe("0204ffd7" + "03030e00");
  });
});

/** Why there is no tshark to ask. */
function whyNoTshark(): string | undefined {
  try {
    execFileSync("tshark", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch (cause) {
    if (process.env["CI"] === "true") throw new Error("CI must run these tests: tshark is not installed", { cause });
    return " (skipped: tshark is not installed)";
  }
}

type Tshark = (...args: readonly string[]) => string;

/** Asks tshark about a capture, with checksums looked at. */
function asking<T>(file: Buffer, ask: (tshark: Tshark) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "herald-pcap-"));
  const path = join(folder, "capture.pcap");
  const checks = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
  try {
    writeFileSync(path, file);
    return ask((...args) =>
      execFileSync("tshark", ["-r", path, ...checks, ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      }),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const missing = whyNoTshark();

describe.skipIf(missing !== undefined)(`tshark reads it${missing ?? ""}`, () => {
  const SIX = {
    local: { address: ip("fe80::11"), port: 40_009 },
    remote: { address: ip("fe80::1"), port: 179 },
  } as const;
  const cases: readonly (readonly [string, readonly CapturedMessage[]])[] = [
    ["one session", session(connection(1), START)],
    ["two, the second after a flap", [...session(connection(1), START), ...session(connection(2), START + 5_000_000)]],
    [
      "one that the peer opened",
      session(
        connection(3, {
          direction: "incoming",
          local: { address: ip("192.0.2.11"), port: 179 },
          remote: { address: ip("192.0.2.1"), port: 50_001 },
        }),
        START,
      ),
    ],
    ["one over link-local IPv6", session(connection(4, SIX), START)],
    ["one of which the beginning was forgotten", session(connection(5), START).slice(4)],
  ];

  test("a message of 60,000 octets (RFC 8654) goes in several packets, without a gap between them", () => {
    // Debian's tshark reads no BGP message beyond 4,096 octets, but it counts those of TCP.
    asking(capture(session(connection(6), START, 12_000)), (tshark) => {
      expect(tshark("-Y", "tcp.analysis.flags")).toBe("");
      const lengths = tshark("-T", "fields", "-e", "tcp.len").trim().split("\n").map(Number);
      expect(lengths.filter((length) => length === 16_384)).toHaveLength(3);
    });
  });

  test.each(cases)("%s: every message, no checksum wrong, nothing malformed, no warning", (_, messages) => {
    asking(capture(messages), (run) => {
      const types = run("-T", "fields", "-e", "bgp.type", "-Y", "bgp").trim().split(/[\n,]/).map(Number);
      expect(types).toEqual(messages.map(({ bytes }) => bytes[18]));
      const times = run("-T", "fields", "-e", "frame.time_epoch", "-Y", "bgp").trim().split("\n");
      expect(Number(times[0]) * 1e6).toBeCloseTo(messages[0]?.at ?? 0, -1);
      // Chats are the handshakes; PI_NOTE and above would be lines of other groups.
      const experts = run("-T", "fields", "-e", "_ws.expert.message", "-Y", "_ws.expert.severity >= note");
      expect(experts).toBe("");
      expect(
        run("-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == Bad || ip.checksum.status == Bad"),
      ).toBe("");
      expect(run("-T", "fields", "-e", "bgp.nlri_prefix", "-Y", "bgp.type == 2").split(",").length).toBeGreaterThan(
        700,
      );
    });
  });
});
