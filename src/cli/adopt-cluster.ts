import type { Action } from "../adoption/actions.ts";
import { findInstallations } from "../adoption/installation.ts";
import { GivenObjects } from "../adoption/objects.ts";
import { pause } from "../kubernetes/backoff.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import {
  BFD_PROFILES,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  COMMUNITIES,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  IP_ADDRESS_POOLS,
  L2_ADVERTISEMENTS,
  NAMESPACES,
  NODES,
  PODS,
  type Resource,
  SECRETS,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
  SERVICES,
} from "../kubernetes/resource.ts";
import { type Micros, millis, seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { SystemError, TransientError } from "../wire/errors.ts";

/** How the command reaches the cluster, and the user. */
export interface AdoptPorts {
  readonly client: Pick<KubernetesClient, "get" | "list" | "patch">;
  readonly clock: Clock;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A change was made and did not take in time: the ones after it were not made. */
class StepUnconfirmed extends TransientError {
  readonly code = "ERR_CLI_ADOPT_STEP";
}

/** Whoever ran the command ended it between two steps. */
class AdoptInterrupted extends SystemError {
  readonly code = "ERR_CLI_ADOPT_INTERRUPTED";
}

const POLL = millis(300);
/** A speaker of MetalLB's is given two seconds to end, a node that is away none: that one is for the operator. */
export const STEP_PATIENCE = seconds(60);

const DAEMON_SETS: Resource = { ...DEPLOYMENTS, plural: "daemonsets", kind: "DaemonSet" };
const CONFIG_MAPS: Resource = { ...SECRETS, plural: "configmaps", kind: "ConfigMap" };
const DEFINITIONS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
const WEBHOOK_CONFIGURATIONS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
  namespaced: false,
};
const CHANGED: readonly Resource[] = [
  DEPLOYMENTS,
  DAEMON_SETS,
  DEFINITIONS,
  WEBHOOK_CONFIGURATIONS,
  SECRETS,
  CONFIG_MAPS,
];

const EVERYWHERE: readonly Resource[] = [
  SERVICES,
  ENDPOINT_SLICES,
  NODES,
  NAMESPACES,
  DEPLOYMENTS,
  DAEMON_SETS,
  DEFINITIONS,
  WEBHOOK_CONFIGURATIONS,
  IP_ADDRESS_POOLS,
  BGP_PEERS,
  BGP_ADVERTISEMENTS,
  L2_ADVERTISEMENTS,
  COMMUNITIES,
  BFD_PROFILES,
  SERVICE_L2_STATUSES,
  SERVICE_BGP_STATUSES,
];

/** Kinds of others that are looked at where they exist. */
const FOREIGN_KINDS: ReadonlySet<string> = new Set([
  "FRRConfiguration",
  "AddressPool",
  "ServiceGroup",
  "LBNodeAgent",
  "CiliumLoadBalancerIPPool",
  "CiliumL2AnnouncementPolicy",
  "CiliumBGPAdvertisement",
  "BGPConfiguration",
  "Eip",
]);

/** What a cluster holds, as far as the decisions look at it. */
export interface ReadCluster {
  readonly documents: readonly unknown[];
  /** What the API would not show, in its words. */
  readonly unread: readonly string[];
}

/** Reads it all; Secrets only where MetalLB is. @throws {ApiError} as the client does */
export async function readCluster({ client }: AdoptPorts, namespace: string | undefined): Promise<ReadCluster> {
  const unread: string[] = [];
  const listAll = async (resource: Resource, place?: string): Promise<readonly unknown[]> => {
    try {
      return (await client.list<unknown>(resource, { namespace: place })).items;
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 403)) throw error;
      if (error.status === 403) unread.push(error.message);
      return [];
    }
  };
  const first = (await Promise.all(EVERYWHERE.map((resource) => listAll(resource)))).flat();
  const given = new GivenObjects(first);
  const found = findInstallations(given).map((one) => one.namespace);
  const places = [...new Set([...found, ...(namespace === undefined ? [] : [namespace])])];
  const more = await Promise.all([
    ...foreignResources(given).map((resource) => listAll(resource)),
    ...places.flatMap((place) => [SECRETS, CONFIG_MAPS].map((resource) => listAll(resource, place))),
    // Where static pods of the control plane are.
    listAll(PODS, "kube-system"),
  ]);
  return { documents: [...first, ...more.flat()], unread };
}

/**
 * Makes the changes one after the other, each when the one before is seen to have taken.
 * @throws {ApiError} as the client does, {StepUnconfirmed}, {AdoptInterrupted}
 */
export async function perform(ports: AdoptPorts, actions: readonly Action[], patience: Micros): Promise<void> {
  for (const action of actions) {
    const resource = CHANGED.find(({ kind }) => kind === action.kind);
    if (resource === undefined) continue;
    const where = resource.namespaced ? { namespace: action.namespace } : {};
    if (action.patch !== undefined) {
      await ports.client.patch<unknown>(resource, action.object, action.patch, { ...where, type: "merge" });
    }
    await awaitAction(ports, action, { resource, end: ports.clock.now() + patience });
    ports.note(`done: ${describeAction(action)}`);
  }
}

/** One line for the user. */
export function describeAction({ name, kind, namespace, object }: Action): string {
  return `${name} ${kind} ${namespace === "" ? "" : `${namespace}/`}${object}`;
}

async function awaitAction(
  ports: AdoptPorts,
  action: Action,
  { resource, end }: { readonly resource: Resource; readonly end: number },
): Promise<void> {
  const where = resource.namespaced ? { namespace: action.namespace } : {};
  for (;;) {
    const [now] = new GivenObjects([await ports.client.get<unknown>(resource, action.object, where)]).of(action.kind);
    const missing = now === undefined ? "the API's answer is no such object" : action.missing(now);
    if (missing === undefined) return;
    if (ports.clock.now() >= end) {
      throw new StepUnconfirmed(
        `${describeAction(action)}: ${missing}. Nothing after it was done; run the command again, or --revert`,
      );
    }
    await pause(ports.clock, POLL, ports.signal);
    if (ports.signal.aborted)
      throw new AdoptInterrupted(`${describeAction(action)}: not waited for; run the command again`);
  }
}

function foreignResources(given: GivenObjects): readonly Resource[] {
  return given.of("CustomResourceDefinition").flatMap(({ fields }) => {
    const spec = fields.object("spec");
    const names = spec?.object("names");
    const [group, kind, plural] = [spec?.string("group"), names?.string("kind"), names?.string("plural")];
    const version = spec
      ?.objects("versions")
      .find((one) => one.boolean("served") === true)
      ?.string("name");
    if (group === undefined || kind === undefined || plural === undefined || version === undefined) return [];
    return FOREIGN_KINDS.has(kind)
      ? [{ group, version, plural, kind, namespaced: spec?.string("scope") === "Namespaced" }]
      : [];
  });
}
