/** An end of a link. */
export interface PortRef {
  readonly node: string;
  readonly port: string;
}

/** A program that may be killed, suspended or replaced. */
export interface ProgramRef {
  readonly node: string;
  readonly program: string;
}

/** Everything that chaos does to a lab. Each lasts for a time and is undone. */
export type Fault =
  /** The port is taken down; `far`, the other end, loses the carrier. Pods that nobody can reach any more are not ready. */
  | {
      readonly kind: "link-down";
      readonly port: PortRef;
      readonly far: PortRef;
      readonly stranded: readonly string[];
    }
  /** What comes into the port is lost, some of it is lost, or some of it is changed on the way; what goes out is not. */
  | { readonly kind: "one-way-drop" | "packet-loss" | "corruption"; readonly port: PortRef; readonly far: PortRef }
  /** All links of a machine go dark and its speaker is killed; its pods are not ready soon after. */
  | {
      readonly kind: "node-killed";
      readonly node: string;
      readonly ports: readonly PortRef[];
      readonly pods: readonly string[];
    }
  /** All ports of a switch go dark. */
  | { readonly kind: "switch-dark"; readonly node: string; readonly ports: readonly string[] }
  /** SIGKILL, SIGSTOP, or SIGTERM; it goes on, or is started again, when the fault ends. */
  | ({ readonly kind: "process-killed" | "process-stopped" | "process-restarted" } & ProgramRef)
  /** A machine does not reach the API. */
  | { readonly kind: "api-cut"; readonly node: string }
  /** No frame goes between these ports of a LAN and the others. */
  | { readonly kind: "lan-cut"; readonly lan: string; readonly side: readonly string[] }
  /** What speakers say to each other is lost on a LAN. */
  | { readonly kind: "gossip-blocked"; readonly lan: string }
  /** A pod dies, and is not ready soon after. */
  | { readonly kind: "pod-killed"; readonly pod: string; readonly node: string }
  /** A Service has no ready endpoint. */
  | { readonly kind: "endpoints-gone"; readonly service: string };

export type FaultKind = Fault["kind"];

/** A fault with its place in the plan: milliseconds from the beginning of the chaos. */
export interface PlannedFault {
  readonly number: number;
  readonly at: number;
  readonly lasts: number;
  readonly fault: Fault;
}

/** For how many milliseconds what must not be may be. */
export interface Bounds {
  /** Two nodes answer for one address. */
  readonly double: number;
  /** A route, or an answer on the LAN, where no endpoint is ready. */
  readonly stray: number;
  /** A Service is not reachable after a fault began that there is a way around, or after any fault ended. */
  readonly reach: number;
}

/**
 * Milliseconds that a fault of each kind lasts, at least and at most. What is over before the bound that it tries cannot break it: those that
 * try one alone last longer, and those with a way around them do so now and then.
 */
export function lastingOf({ double, stray, reach }: Bounds): Readonly<Record<FaultKind, readonly [number, number]>> {
  return {
    "link-down": [3000, reach + 6000],
    "one-way-drop": [3000, 15_000],
    "packet-loss": [5000, 15_000],
    corruption: [5000, 15_000],
    "node-killed": [4000, reach + 6000],
    "switch-dark": [4000, reach + 6000],
    "process-killed": [500, 8000],
    "process-stopped": [500, reach + 4000],
    "process-restarted": [500, 4000],
    "api-cut": [4000, 15_000],
    "lan-cut": [4000, 15_000],
    "gossip-blocked": [double + 1000, double + 4000],
    "pod-killed": [2000, reach + 3000],
    "endpoints-gone": [stray + 2000, stray + 5000],
  };
}

/**
 * Whether Services have to be reachable again while the fault lasts, because there is another way. A path that swallows packets and
 * keeps its carrier is not seen by who has a static route over it, a LAN in two parts has endpoints in both, and a ToR without its BGP
 * daemon forwards to nowhere what its nodes go on sending it.
 */
export function isCovered(fault: Fault): boolean {
  switch (fault.kind) {
    case "one-way-drop":
    case "packet-loss":
    case "corruption":
    case "lan-cut":
    case "endpoints-gone":
      return false;
    case "process-killed":
    case "process-stopped":
    case "process-restarted":
      return ["speaker", "controller", "apiserver"].includes(fault.program);
    case "link-down":
    case "node-killed":
    case "switch-dark":
    case "api-cut":
    case "gossip-blocked":
    case "pod-killed":
      return true;
  }
}

/** What a fault needs for itself, and what it needs to be in order: two that get in each other's way are not made to overlap. */
interface Needs {
  readonly alone: readonly string[];
  readonly whole: readonly string[];
}

const API = "the API";

function needsOf(fault: Fault): Needs {
  switch (fault.kind) {
    case "link-down":
      return { alone: [portText(fault.port), portText(fault.far)], whole: [API, fault.port.node, fault.far.node] };
    case "one-way-drop":
    case "packet-loss":
    case "corruption":
      return { alone: [portText(fault.port), portText(fault.far)], whole: [fault.port.node, fault.far.node] };
    case "node-killed":
      return { alone: [fault.node, ...fault.ports.map(portText)], whole: [API] };
    case "switch-dark":
      return { alone: [fault.node], whole: [] };
    case "process-killed":
    case "process-stopped":
    case "process-restarted":
      return { alone: fault.program === "apiserver" ? [fault.node, API] : [fault.node], whole: [] };
    case "api-cut":
      return { alone: [fault.node, API], whole: [] };
    case "lan-cut":
    case "gossip-blocked":
      return { alone: [fault.lan], whole: [] };
    case "pod-killed":
      return { alone: [fault.node], whole: [API] };
    case "endpoints-gone":
      return { alone: [fault.service], whole: [API] };
  }
}

/** Whether two faults may be there at the same time. */
export function mayOverlap(a: Fault, b: Fault): boolean {
  const [left, right] = [needsOf(a), needsOf(b)];
  const meet = (all: readonly string[], others: readonly string[]): boolean => all.some((one) => others.includes(one));
  return !(meet(left.alone, [...right.alone, ...right.whole]) || meet(right.alone, left.whole));
}

/** A fault in words, the place included. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case "link-down":
      return `link down: ${portText(fault.port)} to ${portText(fault.far)}`;
    case "one-way-drop":
      return `one-way drop: ${fault.far.node} to ${portText(fault.port)}`;
    case "packet-loss":
      return `packet loss: ${fault.far.node} to ${portText(fault.port)}`;
    case "corruption":
      return `corruption: ${fault.far.node} to ${portText(fault.port)}`;
    case "node-killed":
    case "switch-dark":
      return `${fault.kind === "node-killed" ? "node killed" : "switch dark"}: ${fault.node}`;
    case "process-killed":
    case "process-stopped":
    case "process-restarted":
      return `${SIGNALS[fault.kind]}: ${fault.program} of ${fault.node}`;
    case "api-cut":
      return `no way to the API: ${fault.node}`;
    case "lan-cut":
      return `${fault.lan} in two: ${fault.side.join(", ")} on one side`;
    case "gossip-blocked":
      return `gossip blocked: ${fault.lan}`;
    case "pod-killed":
      return `pod killed: ${fault.pod}`;
    case "endpoints-gone":
      return `no ready endpoint: ${fault.service}`;
  }
}

/** What each kind of process fault sends. */
export const SIGNALS = {
  "process-killed": "SIGKILL",
  "process-stopped": "SIGSTOP",
  "process-restarted": "SIGTERM",
} as const satisfies Partial<Record<FaultKind, NodeJS.Signals>>;

/** `t1:eth4`. */
function portText({ node, port }: PortRef): string {
  return `${node}:${port}`;
}
