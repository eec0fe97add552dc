import { makeNamespaces, monotonic, Program, possible, removeNamespaces, startFrr } from "../speaker/bfd-routers.ts";
import { type Bench, type BenchOptions, median, type Table } from "./bench.ts";

const FAST = { receiveInterval: 50, transmitInterval: 50, detectMultiplier: 3 };
const FRR = `bfd
 peer 10.77.0.1 interface e0
  detect-multiplier 3
  receive-interval 50
  transmit-interval 50
 !
`;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const milliseconds = (microseconds: number): string => `${(microseconds / 1000).toFixed(0)} ms`;

/** BFD at 50 ms x 3 against FRR, while the main thread stands still for 100 ms out of every 200. */
export const bfdBench: Bench = {
  name: "bfd",
  summary: "false alarms at 50 ms x 3 with a stalled main thread, and how fast a dead router is noticed (needs root)",
  run: async (note, options) => {
    if (!possible) throw new Error("needs root, FRR and the native sockets");
    makeNamespaces();
    try {
      return [await measure(note, options)];
    } finally {
      removeNamespaces();
    }
  },
};

async function measure(note: (text: string) => void, { runs, minutes }: BenchOptions): Promise<Table> {
  const router = await startFrr(FRR);
  const program = new Program([{ peer: "10.77.0.2", profile: FAST }], { stall: true });
  try {
    const up = await program.change(0, "up", { within: 20_000 });
    for (let minute = 1; minute <= minutes; minute++) {
      await pause(60_000);
      note(`${minute} of ${minutes} minutes`);
    }
    const alarms = program.events.filter((e) => e.at > up.at && e.from === "up").length;
    const latest = await program.worstLateness();
    const noticed: number[] = [];
    for (let run = 0; run < runs; run++) {
      const frozen = monotonic();
      router.daemon.kill("SIGSTOP");
      const down = await program.change(0, "down", { after: frozen });
      noticed.push(down.at - frozen);
      router.daemon.kill("SIGCONT");
      await program.change(0, "up", { after: down.at, within: 20_000 });
      await pause(500);
    }
    const row = [
      `${minutes}`,
      `${alarms}`,
      milliseconds(latest),
      milliseconds(median(noticed)),
      milliseconds(Math.max(...noticed)),
    ];
    return {
      title: "BFD at 50 ms x 3",
      columns: ["minutes", "false alarms", "latest timer", "router frozen to down, median", "worst"],
      rows: [row],
      remark: `Against FRR's bfdd over a veth pair, our main thread busy for 100 ms out of every 200; ${runs} freezes.`,
    };
  } finally {
    program.kill();
    router.stop();
  }
}
