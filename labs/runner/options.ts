import { InvalidArgumentError } from "commander";
import type { Topology } from "./clab.ts";
import { LabConfigError } from "./errors.ts";
import { isInterfaceName } from "./names.ts";

/** Random faults for a time. */
export interface ChaosGoal {
  /** Milliseconds. */
  readonly duration: number;
  /** The same seed gives the same faults. */
  readonly seed: number;
}

/** An interface of which all packets are written down. */
export interface CaptureGoal {
  readonly node: string;
  readonly port: string;
}

export const DEFAULT_DURATION = "2m";
/** The largest seed: what one word of the generator holds. */
const MOST_SEED = 0xffff_ffff;
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `10m` or `1h` as milliseconds. @throws InvalidArgumentError for anything else. */
export function parseDuration(text: string): number {
  const [, number = "", unit = ""] = /^(\d{1,5})([smh])$/.exec(text) ?? [];
  const duration = Number(number) * (UNITS[unit] ?? 0);
  if (duration > 0) return duration;
  throw new InvalidArgumentError("want a time such as 90s, 10m or 1h.");
}

/** A seed. @throws InvalidArgumentError when it is no whole number of 32 bits. */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d{1,10}$/.test(text) && seed <= MOST_SEED) return seed;
  throw new InvalidArgumentError(`want a whole number from 0 to ${MOST_SEED}.`);
}

/** `node:interface`. @throws InvalidArgumentError when it has not that form. */
export function parseCapture(text: string, before: readonly CaptureGoal[] = []): readonly CaptureGoal[] {
  const [node = "", port = "", ...rest] = text.split(":");
  if (node === "" || rest.length > 0 || !(isInterfaceName(port) || port === "lo"))
    throw new InvalidArgumentError("want NODE:INTERFACE, such as n1:eth1.");
  return [...before, { node, port }];
}

/** @throws LabConfigError naming every capture of a node that the lab has not. */
export function requireNodes({ name, nodes }: Topology, captures: readonly CaptureGoal[]): void {
  const known = nodes.map((node) => node.name);
  const strangers = captures.filter(({ node }) => !known.includes(node));
  if (strangers.length === 0) return;
  const problems = strangers.map(({ node }) => `no node is called ${node}; there are: ${known.join(", ")}`);
  throw new LabConfigError(`${name}: --capture`, { problems });
}
