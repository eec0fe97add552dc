import { type Micros, micros, millis, seconds } from "../../src/net/micros.ts";
import { Simulation } from "../membership/simulation.ts";
import type { Bench, BenchOptions, Table } from "./bench.ts";

const SIZES = [3, 10, 30, 100, 300, 1000];
/** Members, and the share of the time asked for that they are watched: what is simulated costs its size. */
const QUIET = [
  { members: 3, share: 1 },
  { members: 10, share: 1 },
  { members: 100, share: 1 / 56 },
];
const LOSS = 0.01;
const MINUTE = seconds(60);

type Note = (text: string) => void;

/** Membership in virtual time: how fast a death is known everywhere, what it costs, and whether anybody is ever taken for dead. */
export const membershipBench: Bench = {
  name: "membership",
  summary: "gossip in a simulation: detection and cost by size, false alarms (--only quiet --minutes 10080: a week)",
  run: async (note, options) => {
    const tables: Table[] = [];
    if (options.only !== "quiet") tables.push(detection(note, options));
    if (options.only !== "detection") tables.push(quiet(note, options));
    return tables;
  },
};

function detection(note: Note, { runs }: BenchOptions): Table {
  const rows = SIZES.map((members) => {
    const deaths = Math.max(3, Math.min(40 * runs, Math.ceil(20_000 / members)));
    const row = detectionRow(members, deaths);
    note(row.join(" "));
    return row;
  });
  return {
    title: "A member is killed: until the last of the others knows",
    columns: ["members", "deaths", "p50", "p99", "worst", "false alarms", "packets/s per node", "octets/s per node"],
    rows,
    remark: `Simulated: ${LOSS * 100} % of packets lost, one way 0.15 to 0.5 ms, default settings. Octets are those of UDP's payload with the envelope.`,
  };
}

function detectionRow(members: number, deaths: number): string[] {
  const sim = started(members);
  const before = { sent: sim.sent, octets: sim.octets };
  sim.run(seconds(10));
  const sent = (sim.sent - before.sent) / members / 10;
  const octets = (sim.octets - before.octets) / members / 10;
  let alarms = sim.observations.filter(({ change }) => change.to === "dead").length;
  const times: number[] = [];
  for (let death = 0; death < deaths; death++) {
    sim.run(millis(100 + ((death * 37) % 100)));
    const victim = sim.node((death * 7) % members);
    const { at, wrong } = kill(sim, victim, members - 1);
    times.push(at);
    alarms += wrong;
    sim.restart(victim, [sim.node((death * 7 + 1) % members).place]);
    settle(sim);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const figure = (share: number): string => `${Math.round(quantile(sorted, share) / 1000)} ms`;
  return [
    `${members}`,
    `${deaths}`,
    figure(0.5),
    figure(0.99),
    figure(1),
    `${alarms}`,
    sent.toFixed(0),
    octets.toFixed(0),
  ];
}

/** Kills one, and waits until everybody else knows. */
function kill(
  sim: Simulation,
  victim: ReturnType<Simulation["node"]>,
  others: number,
): { readonly at: number; readonly wrong: number } {
  const from = sim.now;
  const before = sim.observations.length;
  sim.kill(victim);
  for (let waited = 0; waited < 100; waited++) {
    sim.run(millis(50));
    const deaths = sim.observations.slice(before).filter(({ change }) => change.to === "dead");
    const right = deaths.filter(({ change }) => change.member === victim.name);
    if (new Set(right.map(({ observer }) => observer)).size === others)
      return { at: Math.max(...right.map(({ at }) => at)) - from, wrong: deaths.length - right.length };
  }
  return { at: Number.POSITIVE_INFINITY, wrong: 0 };
}

function quiet(note: Note, { minutes }: BenchOptions): Table {
  const rows = QUIET.map(({ members, share }) => {
    const row = quietRow(members, Math.max(1, Math.round(minutes * share)), note);
    note(row.join(" "));
    return row;
  });
  return {
    title: "Nobody dies: how often somebody is taken for dead",
    columns: ["members", "simulated time", "packets", "suspicions that were refuted", "false alarms"],
    rows,
    remark: `Simulated: ${LOSS * 100} % of packets lost, default settings.`,
  };
}

function quietRow(members: number, minutes: number, note: Note): string[] {
  const sim = started(members);
  sim.observations.length = 0;
  for (let minute = 1; minute <= minutes; minute++) {
    sim.run(MINUTE);
    // A run that is cut short has said something too.
    if (minute % 240 === 0)
      note(
        `${members} members, ${minute / 60} h: ${sim.sent.toLocaleString("en-US")} packets, ${falseAlarms(sim)} false alarms`,
      );
  }
  const refuted = sim.nodes.reduce((sum, { membership }) => sum + ownIncarnation(membership.report()) - 1, 0);
  return [
    `${members}`,
    time(micros(minutes * MINUTE)),
    sim.sent.toLocaleString("en-US"),
    `${refuted}`,
    `${falseAlarms(sim)}`,
  ];
}

function falseAlarms(sim: Simulation): number {
  return sim.observations.filter(({ change }) => change.to === "dead").length;
}

function ownIncarnation(report: ReturnType<Simulation["nodes"][number]["membership"]["report"]>): number {
  return report.find(({ roundTrip, state }) => state === "alive" && roundTrip === undefined)?.incarnation ?? 1;
}

function time(duration: Micros): string {
  const hours = duration / seconds(3600);
  if (hours >= 48) return `${(hours / 24).toFixed(1)} days`;
  return hours >= 2 ? `${hours.toFixed(1)} hours` : `${(hours * 60).toFixed(0)} minutes`;
}

function started(members: number): Simulation {
  const sim = new Simulation({ members, seed: members, loss: LOSS });
  sim.join();
  settle(sim);
  sim.run(seconds(3));
  return sim;
}

function settle(sim: Simulation): void {
  for (let waited = 0; waited < 200 && !sim.agreed; waited++) sim.run(millis(100));
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
