import { findInstallations, type Installation, runs } from "../adoption/installation.ts";
import { GivenObjects } from "../adoption/objects.ts";
import { RIVALS } from "../adoption/rivals.ts";
import { serviceKey } from "../api/brands.ts";
import type { ServiceKey } from "../api/config.ts";
import { sortManifests } from "../api/manifests.ts";
import { parseConfig } from "../api/parse-config.ts";
import type { ExplainFacts, Rival, SessionStateFact, Webhook } from "../inspection/explain/facts.ts";
import { withClusterIps } from "./plan-defaults.ts";
import { onlyNamespace } from "./plan-namespace.ts";

/** How the objects are meant. */
export interface FactOptions {
  /** Of the metallb.io objects; undefined takes them wherever they are. */
  readonly namespace: string | undefined;
  /** Undefined takes what the controller of the namespace is started with. */
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
}

const CONFIGURATION = "metallb-webhook-configuration";

/** What can be known of these documents; objects of a later set take the place of the same ones of earlier sets. */
export function factsOf(
  sets: readonly (readonly unknown[])[],
  options: FactOptions,
  service: ServiceKey | undefined,
): Omit<ExplainFacts, "observed"> {
  const { manifests: given } = onlyNamespace(sortManifests(...sets), options.namespace);
  const manifests = { ...given, services: given.services.map(withClusterIps) };
  const { config, invalid } = parseConfig(manifests, { nodes: manifests.nodes });
  const objects = new GivenObjects(sets.flat());
  const installations = findInstallations(objects);
  const own = ownInstallation(installations, options.namespace);
  const loadBalancerClass = options.loadBalancerClass ?? own?.loadBalancerClass ?? "";
  return {
    manifests,
    parsed: { config, invalid: [...manifests.invalid, ...invalid] },
    loadBalancerClass: loadBalancerClass === "" ? undefined : loadBalancerClass,
    ignoreExcludeLb: options.ignoreExcludeLb || own?.ignoreExcludeLb === true,
    rivals: [
      ...installations
        .filter((one) => one !== own && runs(one) && one.loadBalancerClass === loadBalancerClass)
        .map(rivalOf),
      ...claimants(objects, service),
    ],
    webhook: webhookOf(objects),
  };
}

/** Herald's, in the namespace if one is said. */
function ownInstallation(all: readonly Installation[], namespace: string | undefined): Installation | undefined {
  const heralds = all.filter(({ product }) => product === "herald");
  return heralds.find((one) => namespace === undefined || one.namespace === namespace);
}

function rivalOf({ product, namespace }: Installation): Rival {
  const name = product === "metallb" ? "MetalLB" : "another Herald";
  const change = product === "metallb" ? "stop MetalLB: herald adopt shows how" : "stop one, or give it a --lb-class";
  return { name: `${name} in namespace ${namespace}`, change };
}

/** Who has written on this Service. */
function claimants(objects: GivenObjects, key: ServiceKey | undefined): readonly Rival[] {
  const service = objects.of("Service").find(({ namespace, name }) => serviceKey(namespace, name) === key);
  if (service === undefined) return [];
  return RIVALS.filter((rival) => rival.claims(service, objects)).map(({ name, remedy }) => ({ name, change: remedy }));
}

function webhookOf(objects: GivenObjects): Webhook | undefined {
  const found = objects.find("ValidatingWebhookConfiguration", CONFIGURATION);
  const [hook] = found?.fields.objects("webhooks") ?? [];
  const client = hook?.object("clientConfig");
  const service = client?.object("service");
  const name = service?.string("name");
  if (client === undefined || name === undefined) return undefined;
  return {
    configuration: CONFIGURATION,
    service: serviceKey(service?.string("namespace"), name),
    failurePolicy: hook?.string("failurePolicy") ?? "Fail",
    trusted: (client.string("caBundle") ?? "") !== "",
  };
}

/** What BGPSessionStates say. */
export function sessionStatesOf(documents: readonly unknown[]): readonly SessionStateFact[] {
  return new GivenObjects(documents).of("BGPSessionState").flatMap(({ name, fields }) => {
    const status = fields.object("status");
    const [node, peer, state] = [status?.string("node"), status?.string("bgpPeer"), status?.string("bgpStatus")];
    if (node === undefined || peer === undefined || state === undefined) return [];
    return [{ name, node, peer, state, lastError: status?.string("lastError") }];
  });
}
