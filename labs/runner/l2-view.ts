import { HERALD_NAMESPACE } from "./control-plane.ts";
import { at, textOf } from "./json.ts";
import type { Lab } from "./lab.ts";
import type { Owner } from "./lan-tap.ts";
import { seconds } from "./report.ts";

const PATIENCE = 20_000;

/** Waits until one ServiceL2Status tells of a service, and names this node. */
export async function statusNames(lab: Lab, service: string, node: string): Promise<void> {
  await lab.until(`the ServiceL2Status of ${service} names ${node}`, PATIENCE, async () => {
    const nodes = await statusesOf(lab, service);
    return nodes.length === 1 && nodes[0] === node ? { value: true } : { seen: nodes.join(", ") || "none" };
  });
}

/** The nodes that the ServiceL2Statuses of a service name. */
async function statusesOf(lab: Lab, service: string): Promise<readonly string[]> {
  const all = await lab.api.list("ServiceL2Status");
  const own = all.filter(
    (object) =>
      at(object, "metadata", "namespace") === HERALD_NAMESPACE && at(object, "status", "serviceName") === service,
  );
  return own.map((object) => textOf(at(object, "status", "node")));
}

/** What an event is about and says. */
export interface EventGoal {
  readonly kind: string;
  readonly name: string;
  readonly reason: RegExp;
  readonly message?: RegExp;
}

/** Waits until an event is there; its reason and message. */
export async function eventSays(lab: Lab, { kind, name, reason, message = /./ }: EventGoal): Promise<string> {
  const wanted = `an event ${reason} of ${kind} ${name} that says ${message}`;
  const { value } = await lab.until(wanted, PATIENCE, async () => {
    const all = await lab.api.list("Event");
    const own = all.filter(
      (event) => at(event, "involvedObject", "kind") === kind && at(event, "involvedObject", "name") === name,
    );
    const told = own.map((event) => ({ reason: textOf(at(event, "reason")), message: textOf(at(event, "message")) }));
    const found = told.find((event) => reason.test(event.reason) && message.test(event.message));
    if (found !== undefined) return { value: `${found.reason}: ${found.message}` };
    return { seen: told.map((event) => `${event.reason}: ${event.message}`).join("; ") || "none" };
  });
  return value;
}

/** An owner and when it was, in words. */
export function ownerText({ node, took }: Owner): string {
  return `${node} after ${seconds(took).trim()}`;
}
