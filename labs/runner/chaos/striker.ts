import { beginApi, endApi } from "../api-outage.ts";
import { allDone } from "../command.ts";
import { blockGossip, cutApi, heal, partition, portsDown, portsUp, reconnect } from "../faults.ts";
import type { Lab } from "../lab.ts";
import { pause } from "../poll.ts";
import type { LabProcess } from "../processes.ts";
import type { Endpoints } from "./endpoints.ts";
import { type Fault, type PlannedFault, type PortRef, type ProgramRef, SIGNALS } from "./fault.ts";
import { spoil, unspoil } from "./nft-faults.ts";

/** A kubelet's probe, and an endpoint controller's time: milliseconds from the end of a pod to its being not ready. */
const NOT_READY_AFTER = 1000;

type ProcessFault = Extract<Fault, ProgramRef>;

/** Does to a lab what a fault says, and undoes it. */
export class Striker {
  readonly #lab: Lab;
  readonly #endpoints: Endpoints;

  constructor(lab: Lab, endpoints: Endpoints) {
    this.#lab = lab;
    this.#endpoints = endpoints;
  }

  async strike(planned: PlannedFault): Promise<void> {
    const lab = this.#lab;
    const { fault } = planned;
    switch (fault.kind) {
      case "link-down":
        await portsDown(lab, fault.port.node, [fault.port.port]);
        return await this.#strand(fault.stranded);
      case "one-way-drop":
      case "packet-loss":
      case "corruption":
        return await spoil(lab, planned, fault);
      case "node-killed":
        await eachPort(fault.ports, (port) => portsDown(lab, port.node, [port.port]));
        await lab.speaker(fault.node).stop("SIGKILL");
        return await this.#strand(fault.pods);
      case "switch-dark":
        return await portsDown(lab, fault.node, fault.ports);
      case "process-killed":
      case "process-stopped":
      case "process-restarted":
        return await this.#strikeProcess(fault);
      case "api-cut":
        return void (await cutApi(lab, fault.node));
      case "lan-cut":
        return void (await partition(lab, fault.lan, fault.side));
      case "gossip-blocked":
        return void (await blockGossip(lab, fault.lan));
      case "pod-killed":
        await lab.program(fault.pod, "pod").stop("SIGKILL");
        return await this.#strand([fault.pod]);
      case "endpoints-gone":
        return await this.#endpoints.service(fault.service, "gone");
    }
  }

  async mend(planned: PlannedFault): Promise<void> {
    const lab = this.#lab;
    const { fault } = planned;
    switch (fault.kind) {
      case "link-down":
        await portsUp(lab, fault.port.node, [fault.port.port]);
        return await this.#endpoints.pods(fault.stranded, "up");
      case "one-way-drop":
      case "packet-loss":
      case "corruption":
        return await unspoil(lab, planned, fault);
      case "node-killed":
        await eachPort(fault.ports, (port) => portsUp(lab, port.node, [port.port]));
        lab.speaker(fault.node).start();
        return await this.#endpoints.pods(fault.pods, "up");
      case "switch-dark":
        return await portsUp(lab, fault.node, fault.ports);
      case "process-killed":
      case "process-stopped":
      case "process-restarted":
        return await this.#mendProcess(fault);
      case "api-cut":
        return void (await reconnect(lab, fault.node));
      case "lan-cut":
        return void (await heal(lab, fault.lan, "partition"));
      case "gossip-blocked":
        return void (await heal(lab, fault.lan, "gossip"));
      case "pod-killed":
        lab.program(fault.pod, "pod").start();
        return await this.#endpoints.pods([fault.pod], "up");
      case "endpoints-gone":
        return await this.#endpoints.service(fault.service, "back");
    }
  }

  async #strand(pods: readonly string[]): Promise<void> {
    if (pods.length === 0) return;
    await pause(NOT_READY_AFTER);
    await this.#endpoints.pods(pods, "down");
  }

  async #strikeProcess({ kind, node, program }: ProcessFault): Promise<void> {
    const signal = SIGNALS[kind];
    if (signal === "SIGSTOP") this.#program(node, program).signal(signal);
    else if (program === "apiserver") await endApi(this.#lab, signal);
    else await this.#program(node, program).stop(signal);
  }

  async #mendProcess({ kind, node, program }: ProcessFault): Promise<void> {
    const process = this.#program(node, program);
    if (kind === "process-stopped") process.signal("SIGCONT");
    else if (program === "apiserver") await beginApi(this.#lab);
    else if (["speaker", "controller"].includes(program)) process.start();
    else await this.#lab.router(node).startAgain(process, this.#lab.signal);
  }

  #program(node: string, program: string): LabProcess {
    return program === "speaker" ? this.#lab.speaker(node) : this.#lab.program(node, program);
  }
}

async function eachPort(ports: readonly PortRef[], act: (port: PortRef) => Promise<void>): Promise<void> {
  await allDone(ports.map(act));
}
