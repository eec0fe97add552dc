import type { LabNode, Topology } from "../clab.ts";
import { LabConfigError } from "../errors.ts";
import { podsOn } from "../workload.ts";
import type { Fault, FaultKind, PortRef, ProgramRef } from "./fault.ts";

/** What of a lab may fail, where the topology does not say it. */
export interface GroundRules {
  /** Ports that may be taken down, each on the side whose kernel forgets nothing by that. */
  readonly ports: readonly PortRef[];
  readonly switches: readonly string[];
  /** Of the routers, besides what the nodes and the control plane run. */
  readonly daemons: readonly ProgramRef[];
  /** The LAN that speakers gossip on, and the ways to cut it in two. */
  readonly lan?: { readonly name: string; readonly sides: readonly (readonly string[])[] };
  readonly services: readonly string[];
}

/** Every fault that a lab offers, by its kind. */
export type Offers = Readonly<Record<FaultKind, readonly Fault[]>>;

/** All that can be done to a lab. @throws LabConfigError when the rules name what the topology has not. */
export function offersOf(topology: Topology, rules: GroundRules): Offers {
  const cables = rules.ports.map((port) => ({ port, far: farEnd(topology, port) }));
  const onWire = cables.flatMap(({ port, far }) => [
    { port, far },
    { port: far, far: port },
  ]);
  const machines = topology.nodes.filter(({ role }) => role === "speaker");
  const programs = [...ownPrograms(topology), ...rules.daemons];
  return {
    "link-down": cables.map((cable) => ({
      kind: "link-down",
      ...cable,
      stranded: strandedBy(topology, cables, cable),
    })),
    "one-way-drop": onWire.map((cable) => ({ kind: "one-way-drop", ...cable })),
    "packet-loss": onWire.map((cable) => ({ kind: "packet-loss", ...cable })),
    corruption: onWire.map((cable) => ({ kind: "corruption", ...cable })),
    "node-killed": machines.map(({ name }) => ({
      kind: "node-killed",
      node: name,
      ports: cables.filter(({ far }) => far.node === name).map(({ port }) => port),
      pods: podsOn(topology, name),
    })),
    "switch-dark": rules.switches.map((node) => ({ kind: "switch-dark", node, ports: portsOf(topology, node) })),
    "process-killed": programs.map((program) => ({ kind: "process-killed", ...program })),
    "process-stopped": programs.map((program) => ({ kind: "process-stopped", ...program })),
    "process-restarted": programs.map((program) => ({ kind: "process-restarted", ...program })),
    "api-cut": machines.map(({ name }) => ({ kind: "api-cut", node: name })),
    "lan-cut": lanOf(rules, (lan) => lan.sides.map((side) => ({ kind: "lan-cut", lan: lan.name, side }))),
    "gossip-blocked": lanOf(rules, (lan) => [{ kind: "gossip-blocked", lan: lan.name }]),
    "pod-killed": machines.flatMap(({ name }) =>
      podsOn(topology, name).map((pod) => ({ kind: "pod-killed", pod, node: name }) as const),
    ),
    "endpoints-gone": rules.services.map((service) => ({ kind: "endpoints-gone", service })),
  };
}

/** The kinds of which a lab offers any. */
export function kindsOf(offers: Offers): readonly FaultKind[] {
  const isKind = (text: string): text is FaultKind => Object.hasOwn(offers, text);
  return Object.keys(offers)
    .filter(isKind)
    .filter((kind) => offers[kind].length > 0);
}

function lanOf(
  rules: GroundRules,
  offer: (lan: NonNullable<GroundRules["lan"]>) => readonly Fault[],
): readonly Fault[] {
  return rules.lan === undefined ? [] : offer(rules.lan);
}

function ownPrograms({ nodes }: Topology): readonly ProgramRef[] {
  const named = (role: LabNode["role"], programs: readonly string[]): readonly ProgramRef[] =>
    nodes
      .filter((node) => node.role === role)
      .flatMap(({ name }) => programs.map((program) => ({ node: name, program })));
  return [...named("speaker", ["speaker"]), ...named("control-plane", ["controller", "apiserver"])];
}

function portsOf({ links }: Topology, node: string): readonly string[] {
  return links
    .flat()
    .filter((end) => end.node === node)
    .map(({ port }) => port);
}

interface Cable {
  readonly port: PortRef;
  readonly far: PortRef;
}

function farEnd({ links }: Topology, wanted: PortRef): PortRef {
  const isWanted = (end: PortRef): boolean => end.node === wanted.node && end.port === wanted.port;
  const link = links.find((ends) => ends.some(isWanted));
  const far = link?.find((end) => !isWanted(end));
  if (far !== undefined) return far;
  throw new LabConfigError(`${wanted.node}:${wanted.port}`, { problems: ["is no end of a link of this lab"] });
}

/** The pods of a machine that has no other link: a kubelet that cannot be heard has no ready pods for long. */
function strandedBy(topology: Topology, cables: readonly Cable[], { far }: Cable): readonly string[] {
  const links = cables.filter((cable) => cable.far.node === far.node);
  return links.length === 1 ? podsOn(topology, far.node) : [];
}
