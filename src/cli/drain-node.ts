import { DRAIN, DRAIN_WAIT, drainRequest } from "../api/node-drain.ts";
import type { ObjectMeta } from "../api/object.ts";
import { stripNode } from "../api/strip.ts";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { EVENTS, NODES } from "../kubernetes/resource.ts";
import { type Micros, micros, millis, seconds } from "../net/micros.ts";
import { DRAIN_REASONS } from "../speaker/drain-events.ts";
import type { Clock } from "../system/clock.ts";
import { SystemError, TransientError } from "../wire/errors.ts";

export interface DrainPorts {
  readonly client: Pick<KubernetesClient, "get" | "list" | "patch">;
  readonly clock: Clock;
  /** Says to the user how far it is. */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/** `wait` is what the annotation says, if anything, and `longest` what it comes to. */
export type DrainChange =
  | { readonly type: "drain"; readonly why: string; readonly wait: string | undefined; readonly longest: Micros }
  | { readonly type: "undo" };

/** An event as far as it matters here. */
interface NodeEvent {
  readonly metadata: ObjectMeta;
  readonly reason?: string;
  readonly message?: string;
}

const POLL = millis(300);
/** What a speaker may take to see the annotation, beyond the wait, and to write its events. */
const PATIENCE = seconds(20);

/** No speaker said in time that it did what the Node asks for. */
export class DrainUnconfirmed extends TransientError {
  readonly code = "ERR_CLI_DRAIN_UNCONFIRMED";
}

/** Whoever ran the command did not want to wait. */
export class DrainInterrupted extends SystemError {
  readonly code = "ERR_CLI_DRAIN_INTERRUPTED";
}

/**
 * Asks a node to drain, or no longer to, and waits until its speaker says that it has.
 * @throws {ApiError} as the client does, {DrainUnconfirmed}, {DrainInterrupted}
 */
export async function changeDrain(ports: DrainPorts, name: string, change: DrainChange): Promise<void> {
  const before = stripNode(await ports.client.get(NODES, name));
  const asked = before !== undefined && drainRequest(before) !== undefined;
  if (change.type === "undo" && !asked) {
    ports.note(`Node ${name} is not asked to drain`);
    return;
  }
  // A node that was asked before may be done: then what its speaker said last is the answer.
  const old = change.type === "drain" && asked ? new Map<string, string>() : await versionsOfEvents(ports, name);
  await ports.client.patch(NODES, name, { metadata: { annotations: annotationsOf(change) } }, { type: "merge" });
  ports.note(change.type === "undo" ? `Node ${name} is no longer asked to drain` : `Node ${name} is asked to drain`);
  await awaitEvent(ports, name, { change, old });
}

/** Null takes an annotation away. */
function annotationsOf(change: DrainChange): Readonly<Record<string, string | null>> {
  if (change.type === "undo") return { [DRAIN]: null, [DRAIN_WAIT]: null };
  return { [DRAIN]: change.why, [DRAIN_WAIT]: change.wait ?? null };
}

async function awaitEvent(
  ports: DrainPorts,
  name: string,
  { change, old }: { readonly change: DrainChange; readonly old: ReadonlyMap<string, string> },
): Promise<void> {
  const last = change.type === "undo" ? DRAIN_REASONS.announcing : DRAIN_REASONS.closed;
  const limit = change.type === "undo" ? PATIENCE : micros(change.longest + PATIENCE);
  const end = ports.clock.now() + limit;
  const said = new Map(old);
  while (ports.clock.now() < end) {
    for (const event of await newEvents(ports, name, said)) {
      ports.note(`${event.reason}: ${event.message}`);
      if (event.reason === last) return;
    }
    await pause(ports.clock, POLL, ports.signal);
    if (ports.signal.aborted) throw new DrainInterrupted(`not waited for: Node ${name} keeps its annotations`);
  }
  const answer = `no speaker on Node ${name} said ${last} within ${limit / seconds(1)}s`;
  throw new DrainUnconfirmed(`${answer}: is one running there? The annotations stay as they are`);
}

/** What a speaker said since, in the order it was said. An event that is repeated keeps its name and gets another version. */
async function newEvents(ports: DrainPorts, node: string, said: Map<string, string>): Promise<readonly NodeEvent[]> {
  const events = await eventsAbout(ports, node);
  const fresh = events.filter(({ metadata }) => said.get(metadata.name) !== metadata.resourceVersion);
  for (const { metadata } of fresh) said.set(metadata.name, metadata.resourceVersion ?? "");
  return fresh.toSorted((a, b) => versionOf(a) - versionOf(b));
}

async function versionsOfEvents(ports: DrainPorts, node: string): Promise<Map<string, string>> {
  const events = await eventsAbout(ports, node);
  return new Map(events.map(({ metadata }) => [metadata.name, metadata.resourceVersion ?? ""]));
}

async function eventsAbout({ client }: DrainPorts, node: string): Promise<readonly NodeEvent[]> {
  const fieldSelector = `involvedObject.kind=Node,involvedObject.name=${node}`;
  const { items } = await client.list<NodeEvent>(EVENTS, { fieldSelector });
  const reasons = new Set(Object.values(DRAIN_REASONS));
  return items.filter(({ reason }) => reason !== undefined && reasons.has(reason));
}

/** Only for the order of what is printed: elsewhere a resourceVersion is opaque. */
function versionOf({ metadata }: NodeEvent): number {
  return Number(metadata.resourceVersion ?? 0);
}
