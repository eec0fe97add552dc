import { join } from "node:path";
import { LabCheckError } from "./errors.ts";
import type { Lab } from "./lab.ts";
import { type Heard, ownerIn, parseHeard, type Round, roundsOf } from "./lan-rounds.ts";
import { monotonic } from "./monotonic.ts";
import { until } from "./poll.ts";
import type { LabProcess } from "./processes.ts";

/** Milliseconds between questions. */
const EVERY = 50;
const PATIENCE = 20_000;

/** Starts `lan-listener.ts` on an interface, and hands on what it hears; returns when it listens. */
export async function startListener(
  lab: Lab,
  { node, port }: { readonly node: string; readonly port: string },
  onHeard: (heard: Heard) => void,
): Promise<LabProcess> {
  const { index, mac, addresses } = await lab.port(node, port);
  const file = join(lab.paths.root, "labs/runner/lan-listener.ts");
  const argv = [process.execPath, "--import", "tsx", file, String(index), mac, ...addresses];
  let listens = false;
  const onLine = (line: string): void => {
    listens = true;
    const heard = parseHeard(line);
    if (heard !== undefined) onHeard(heard);
  };
  const program = lab.start({ node, name: "tap", argv, onLine });
  await until(`${node}: the tap listens`, { within: PATIENCE, signal: lab.signal }, () =>
    Promise.resolve(listens ? { value: true } : { seen: "not a word" }),
  );
  return program;
}

/** Makes a listener ask all the time who has an address. */
export function askFor(listener: LabProcess, ip: string): void {
  listener.write(`ask ${ip} ${EVERY}`);
}

/** A host's ear on the LAN: hears every word of ARP and neighbour discovery there, and asks all the time who has an address. */
export class LanTap {
  readonly node: string;
  readonly #lab: Lab;
  readonly #heard: readonly Heard[];
  readonly #program: LabProcess;

  private constructor(lab: Lab, program: LabProcess, heard: readonly Heard[]) {
    this.#lab = lab;
    this.node = program.spec.node;
    this.#program = program;
    this.#heard = heard;
  }

  /** Starts one on an interface of a node; returns when it listens. */
  static async on(lab: Lab, node: string, name = "eth1"): Promise<LanTap> {
    const heard: Heard[] = [];
    const program = await startListener(lab, { node, port: name }, (one) => heard.push(one));
    return new LanTap(lab, program, heard);
  }

  ask(ip: string): void {
    askFor(this.#program, ip);
  }

  hush(ip: string): void {
    this.#program.write(`hush ${ip}`);
  }

  async stop(): Promise<void> {
    await this.#program.stop();
  }

  /** All that was heard about an address since a moment of the monotonic clock. */
  heard(ip: string, since = 0): readonly Heard[] {
    return this.#heard.filter((one) => one.ip === ip && one.at >= since);
  }

  rounds(ip: string, since = 0): readonly Round[] {
    return roundsOf(this.heard(ip, since), ip);
  }

  /** Waits until each of several questions is answered once, by one and the same node; which it is, and when it first answered alone. */
  async owner(ip: string, goal: OwnerGoal = {}): Promise<Owner> {
    const { node, since = monotonic(), within = PATIENCE } = goal;
    const wanted = `${this.node}: ${ip} is answered by ${node ?? "one node"} alone`;
    const { value } = await this.#lab.until(wanted, within, () => {
      const rounds = this.rounds(ip, since);
      const found = ownerIn(rounds);
      if ("seen" in found) return Promise.resolve({ seen: this.#named(found.seen) });
      const owner = this.#lab.nodeOfMac(found.mac);
      if (node !== undefined && owner !== node) return Promise.resolve({ seen: `answered by ${owner}` });
      return Promise.resolve({ value: { node: owner, mac: found.mac, took: firstOf(rounds, found.mac) - since } });
    });
    return value;
  }

  /** Waits until several questions in a row were answered by nobody. */
  async silence(ip: string, within = PATIENCE): Promise<void> {
    const since = monotonic();
    await this.#lab.until(`${this.node}: nobody answers for ${ip}`, within, () => {
      const last = this.rounds(ip, since).slice(-6);
      const silent = last.length === 6 && last.every(({ macs }) => macs.length === 0);
      const seen = last.map(({ macs }) => macs.join("+") || "nobody").join(", ");
      return Promise.resolve(silent ? { value: true } : { seen: this.#named(seen) });
    });
  }

  /** @throws LabCheckError when an announcement of the address was heard from another node. */
  onlyAnnouncedBy(ip: string, node: string, since: number): number {
    const announcements = this.heard(ip, since).filter(({ kind }) => kind === "announcement");
    const other = announcements.find(({ mac }) => this.#lab.nodeOfMac(mac) !== node);
    if (other !== undefined) throw new LabCheckError(`${ip} was announced by ${this.#lab.nodeOfMac(other.mac)}`);
    return announcements.length;
  }

  #named(text: string): string {
    return text.replace(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g, (mac) => this.#lab.nodeOfMac(mac));
  }
}

export interface OwnerGoal {
  /** Who it must be; anyone when absent. */
  readonly node?: string;
  /** Only what was heard from this moment of the monotonic clock on counts. */
  readonly since?: number;
  readonly within?: number;
}

export interface Owner {
  readonly node: string;
  readonly mac: string;
  /** Milliseconds from `since` until it answered alone, and from then on. */
  readonly took: number;
}

/** When the run of answers by this one alone, that goes on to the end, began. */
function firstOf(rounds: readonly Round[], mac: string): number {
  const lastOther = rounds.findLastIndex(({ macs }) => macs.length !== 1 || macs[0] !== mac);
  return rounds[lastOther + 1]?.at ?? 0;
}
