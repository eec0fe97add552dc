import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { ProgramSession } from "./bfd-program.ts";
import {
  dropAtRouter,
  makeNamespaces,
  monotonic,
  Program,
  possible,
  type Router,
  removeNamespaces,
  startBird,
  startFrr,
  waitFor,
} from "./bfd-routers.ts";

const FRR_PEER = (peer: string, interval: number, more = ""): string => `bfd
 peer ${peer}
  detect-multiplier 3
  receive-interval ${interval}
  transmit-interval ${interval}
${more} !
`;

const BIRD = (interval: number): string => `router id 10.77.0.2;
protocol device {}
protocol bfd {
  interface "e0" { min rx interval ${interval} ms; min tx interval ${interval} ms; idle tx interval 1 s; multiplier 3; };
  multihop { min rx interval ${interval} ms; min tx interval ${interval} ms; multiplier 3; };
  neighbor 10.77.0.1;
  neighbor fd77::1 dev "e0" local fd77::2;
  neighbor 10.77.1.1 local 10.77.2.2 multihop yes;
}
`;

/** Seconds without a false alarm; the benchmark watches for longer. */
const WATCH = Number(process.env["BFD_SECONDS"] ?? 20);

const profile = (interval: number) => ({ receiveInterval: interval, transmitInterval: interval, detectMultiplier: 3 });
const near = (interval: number): ProgramSession => ({ peer: "10.77.0.2", profile: profile(interval) });

/** The paths that are tried with every router: the names of both ends, and our session. */
const PATHS: readonly (readonly [name: string, us: string, session: ProgramSession])[] = [
  ["IPv4", "10.77.0.1", near(50)],
  ["IPv6", "fd77::1", { peer: "fd77::2", profile: profile(50) }],
  ["link-local", "fe80::1", { peer: "fe80::2", local: "fe80::1", interface: "e0", profile: profile(50) }],
  // BIRD sends these with the system's TTL of 64.
  [
    "multihop",
    "10.77.1.1",
    { peer: "10.77.2.2", local: "10.77.1.1", multihop: true, profile: { ...profile(50), minimumTtl: 60 } },
  ],
];

function begin(sessions: readonly ProgramSession[], options?: { stall: boolean }): Program {
  const program = new Program(sessions, options);
  onTestFinished(() => program.kill());
  return program;
}

function measured(what: string, microseconds: number): void {
  console.log(`bfd: ${what}: ${(microseconds / 1000).toFixed(1)} ms`);
}

/** Freezes the router's daemon and says how long that took to be noticed. */
async function freeze(program: Program, router: Router, id: number): Promise<number> {
  const frozen = monotonic();
  router.daemon.kill("SIGSTOP");
  try {
    const down = await program.change(id, "down", { after: frozen });
    expect(down).toMatchObject({ from: "up", reason: "detection-expired" });
    return down.at - frozen;
  } finally {
    router.daemon.kill("SIGCONT");
  }
}

describe.skipIf(!possible)("BFD with real routers", { timeout: 90_000 }, () => {
  beforeAll(() => makeNamespaces());
  afterAll(() => removeNamespaces());

  describe.each([50, 300])("at %i ms x 3", (interval) => {
    it.each<[string, () => Promise<Router>]>([
      ["FRR", () => startFrr(FRR_PEER("10.77.0.1 interface e0", interval))],
      ["BIRD", () => startBird(BIRD(interval))],
    ])("%s: up within 3 s, down in 1.1 detection times, up again, and it sees us die", async (name, start) => {
      const router = await start();
      onTestFinished(() => router.stop());
      const program = begin([near(interval)]);
      const up = await program.change(0, "up", { within: 10_000 });
      measured(`${name} ${interval} x 3, asked for to up`, up.at - (program.opened ?? 0));
      expect(up.at - (program.opened ?? 0)).toBeLessThan(3_000_000);
      await waitFor(router, "10.77.0.1", "up");
      for (let round = 0; round < 3; round++) {
        const last = program.events.at(-1)?.at ?? 0;
        await new Promise((resolve) => setTimeout(resolve, 500));
        const took = await freeze(program, router, 0);
        measured(`${name} ${interval} x 3, frozen to down`, took);
        expect(took).toBeLessThan(1.1 * 3 * interval * 1000);
        await program.change(0, "up", { after: last + 1, within: 8000 });
        await program.change(0, "up", {
          after: program.events.findLast((e) => e.to === "down")?.at ?? 0,
          within: 8000,
        });
      }
      await waitFor(router, "10.77.0.1", "up");
      const killed = monotonic();
      program.kill();
      await waitFor(router, "10.77.0.1", "down");
      measured(`${name} ${interval} x 3, our death to its view (polled)`, monotonic() - killed);
    });
  });

  it("FRR: IPv4, IPv6, link-local and multihop at once; switched off from either side", async () => {
    const config = [
      FRR_PEER("10.77.0.1 interface e0", 50),
      FRR_PEER("fd77::1 local-address fd77::2 interface e0", 50),
      FRR_PEER("fe80::1 local-address fe80::2 interface e0", 50),
      FRR_PEER("10.77.1.1 multihop local-address 10.77.2.2", 50),
    ];
    const router = await startFrr(config.join(""));
    onTestFinished(() => router.stop());
    const program = begin(PATHS.map(([, , session]) => session));
    for (const [id, [name, us]] of PATHS.entries()) {
      await program.change(id, "up", { within: 10_000 });
      await waitFor(router, us, "up");
      const before = monotonic();
      program.say(`admin-down ${id}`);
      await waitFor(router, us, "down");
      expect(router.sees(us).why, name).toContain("administratively down");
      program.say(`admin-up ${id}`);
      await program.change(id, "up", { after: before });
      await waitFor(router, us, "up");
    }
    const before = monotonic();
    router.configure("bfd\n peer 10.77.0.1 interface e0\n  shutdown\n !\n");
    expect(await program.change(0, "down", { after: before })).toMatchObject({ reason: "neighbor-admin-down" });
    router.configure("bfd\n peer 10.77.0.1 interface e0\n  no shutdown\n !\n");
    await program.change(0, "up", { after: before });
  });

  it("FRR: sends echo packets, which come back", async () => {
    const echo = "  echo-mode\n  echo transmit-interval 50\n  echo receive-interval 50\n";
    const router = await startFrr(FRR_PEER("10.77.0.1 interface e0", 50, echo));
    onTestFinished(() => router.stop());
    const session = { ...near(50), profile: { ...profile(50), echoMode: true, echoInterval: 50 } };
    const program = begin([session]);
    const up = await program.change(0, "up", { within: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(program.events.filter((e) => e.at > up.at)).toEqual([]);
    expect(router.sees("10.77.0.1").state).toBe("up");
    const { "echo-transmit-interval": interval } = router.session("10.77.0.1");
    expect(interval).toBe(50);
  });

  it("FRR: forwards our echo packets back; when they are lost we are down although control packets go on", async () => {
    const echo = "  echo-mode\n  echo transmit-interval 50\n  echo receive-interval 50\n";
    const router = await startFrr(FRR_PEER("10.77.0.1 interface e0", 50, echo));
    onTestFinished(() => router.stop());
    const program = begin([
      { ...near(50), local: "10.77.0.1", profile: { ...profile(50), echoMode: true, echoInterval: 50 } },
    ]);
    const up = await program.change(0, "up", { within: 10_000 });
    const session = await program.echoing();
    expect(session).toMatchObject({ echoInterval: 50_000, detectionTime: 3_000_000 });
    for (let round = 0; round < 2; round++) {
      const before = monotonic();
      dropAtRouter("udp dport 3785");
      // When nft has ended at the latest: on a busy machine it takes longer than the detection.
      const cut = monotonic();
      const down = await program.change(0, "down", { after: before });
      measured("FRR, echo packets cut to down", down.at - cut);
      expect(down).toMatchObject({ from: "up", reason: "echo-failed" });
      expect(down.at - cut).toBeLessThan(4.5 * 50_000);
      await program.change(0, "up", { after: down.at });
      dropAtRouter(undefined);
      await program.echoing();
    }
    expect(program.events.filter((e) => e.at > up.at)).toHaveLength(6);
  });

  it("BIRD: IPv4, IPv6 and multihop at once; it sees us switched off", async () => {
    const router = await startBird(BIRD(50));
    onTestFinished(() => router.stop());
    const paths = PATHS.filter(([name]) => name !== "link-local");
    const program = begin(paths.map(([, , session]) => session));
    for (const [id, [, us]] of paths.entries()) {
      await program.change(id, "up", { within: 10_000 });
      await waitFor(router, us, "up");
    }
    program.say("admin-down 0");
    await waitFor(router, "10.77.0.1", "down");
  });

  it("FRR: new intervals from either side do not flap", async () => {
    const router = await startFrr(FRR_PEER("10.77.0.1 interface e0", 50));
    onTestFinished(() => router.stop());
    const program = begin([near(50)]);
    await program.change(0, "up", { within: 10_000 });
    const since = monotonic();
    for (const interval of [300, 40, 100]) {
      program.say(`update 0 ${JSON.stringify(profile(interval))}`);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    router.configure(FRR_PEER("10.77.0.1 interface e0", 200));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(program.events.filter((e) => e.at > since)).toEqual([]);
  });

  it(`FRR: ${WATCH} s at 50 ms x 3 without a flap, the main thread stalled half of the time`, async () => {
    const router = await startFrr(FRR_PEER("10.77.0.1 interface e0", 50));
    onTestFinished(() => router.stop());
    const program = begin([near(50)], { stall: true });
    const up = await program.change(0, "up", { within: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, WATCH * 1000));
    measured(`the latest timer of ${WATCH} s`, await program.worstLateness());
    expect(program.events.filter((e) => e.at > up.at)).toEqual([]);
    expect(router.sees("10.77.0.1").state).toBe("up");
  });
});
