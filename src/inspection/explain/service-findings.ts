import { isUnmet } from "../../allocation/reason.ts";
import { isInScope } from "../../announcement/service-survey.ts";
import { addressConflicts, formatAddressConflicts } from "../../api/address-conflict.ts";
import { ingressTexts } from "../../api/service-addresses.ts";
import { addressCause, eligible } from "./address-cause.ts";
import { allocationCause } from "./allocation-remedy.ts";
import { keptAddress } from "./as-before.ts";
import type { Webhook } from "./facts.ts";
import { broken, type Cause, type Finding, formatObject, intended, observed, RANK } from "./finding.ts";
import { invalidCause } from "./invalid-cause.ts";
import type { Scene } from "./scene.ts";

/** Whether Herald looks after the Service at all. */
export function classFinding({ service, name, facts }: Scene): Finding {
  const { type = "ClusterIP", loadBalancerClass: asked = "" } = service.spec;
  const ours = facts.loadBalancerClass ?? "";
  if (isInScope(service, facts.loadBalancerClass)) {
    const words = ours === "" ? "a LoadBalancer without a class" : `a LoadBalancer of class ${ours}`;
    return intended("class", "yes", words, { object: name, field: "spec.loadBalancerClass" });
  }
  if (type !== "LoadBalancer") {
    const words = `spec.type is ${type}: only Services of type LoadBalancer get an address`;
    return broken(AT_CLASS, {
      ...{ name: "not-load-balancer", rank: RANK.class, object: name, field: "spec.type", words },
      change: "set spec.type: LoadBalancer",
    });
  }
  const words = `spec.loadBalancerClass is ${quoted(asked)}, and this Herald looks after ${ours === "" ? "Services without a class" : quoted(ours)}`;
  const change = ours === "" ? "leave spec.loadBalancerClass out" : `set spec.loadBalancerClass: ${ours}`;
  const note = "the field cannot be changed: create the Service anew, or start Herald with --lb-class";
  return broken(AT_CLASS, {
    ...{ name: "wrong-class", rank: RANK.class, object: name, field: "spec.loadBalancerClass", words },
    change: `${change} (${note})`,
  });
}

const AT_CLASS = { step: "class", basis: "intent" } as const;

/** Every object that is left out, whether it matters here or not. */
export function configurationFindings({ facts }: Scene): readonly Finding[] {
  return facts.parsed.invalid.map((invalid) =>
    broken({ step: "configuration", basis: "intent" }, invalidCause(invalid), "doubt"),
  );
}

/** Which address it is to have and has, and the pools. */
export function addressFinding(scene: Scene): Finding {
  const { convergence, name, service, facts } = scene;
  const below = [...poolFindings(scene), ...conflictFindings(scene)];
  if (convergence === undefined || convergence.ips.length === 0) {
    const kept = keptAddress(scene);
    if (kept !== undefined) {
      const words = `${kept.address}, as it was before ${formatObject(kept.pool)} became what cannot be used`;
      return observed("address", "yes", words, { object: name, field: "status.loadBalancer.ingress", below });
    }
    const { outcome, message } = convergence ?? { outcome: "no-configuration" as const, message: "" };
    return broken({ step: "address", basis: "intent", below }, addressCause(scene, { outcome, message }));
  }
  const has = ingressTexts(service);
  const wants = convergence.ips.map(String);
  const words = `${wants.join(" and ")} of IPAddressPool ${convergence.pool ?? "?"}`;
  const details = { object: name, field: "status.loadBalancer.ingress" };
  const late = facts.observed !== undefined && wants.join() !== has.join();
  if (late)
    return { ...broken({ step: "address", basis: "observed", below }, lateCause(scene, wants, has)), ...details };
  if (isUnmet(convergence.outcome)) {
    const cause = allocationCause(service, convergence, convergence.pool);
    const finding = broken({ step: "address", basis: "intent", below }, cause, "doubt");
    return { ...finding, words: `${words}; ${finding.words}` };
  }
  return intended("address", "yes", words, { ...details, below });
}

/** The controller has not done what anybody can see it should. */
function lateCause({ name, facts }: Scene, wants: readonly string[], has: readonly string[]): Cause {
  const said = has.length === 0 ? "no address" : has.join(" and ");
  return {
    name: "controller-silent",
    rank: RANK.address + 5,
    object: name,
    field: "status.loadBalancer.ingress",
    words: `the status has ${said}, and the controller should have written ${wants.join(" and ")}`,
    change: `look whether a controller runs and what it logs${facts.rivals.length > 0 ? ", and who else writes the status" : ""}`,
  };
}

/** Of each pool, whether the Service may have an address without asking for that pool. */
function poolFindings(scene: Scene): readonly Finding[] {
  const chosen = scene.convergence?.pool;
  const pools = [...scene.config.pools.values()].filter(({ name }) => chosen === undefined || name === chosen);
  const may = new Set(eligible(scene));
  return pools.map((pool) => {
    const object = { kind: "IPAddressPool", name: pool.name };
    const addresses = pool.blocks.map(({ text }) => text).join(", ");
    if (pool.name === chosen) return intended("pool", "yes", addresses, { object, field: "spec.addresses" });
    if (may.has(pool))
      return intended("pool", "quiet", `may be used: ${addresses}`, { object, field: "spec.addresses" });
    const manual = !pool.autoAssign;
    const words = manual ? "only for Services that ask for it" : "for other namespaces or Services";
    return intended("pool", "quiet", words, { object, field: manual ? "spec.autoAssign" : "spec.serviceAllocation" });
  });
}

/** Who uses the address although it is not his. */
function conflictFindings({ service, name }: Scene): readonly Finding[] {
  const conflicts = addressConflicts(service);
  if (conflicts.length === 0) return [];
  const words = formatAddressConflicts(conflicts);
  const change = "take the address off that machine, or out of spec.addresses of the IPAddressPool";
  const cause = {
    name: "address-conflict",
    rank: RANK.address,
    object: name,
    field: "status.conditions",
    words,
    change,
  };
  return [broken({ step: "address", basis: "observed" }, cause, "doubt")];
}

/** Who would serve what arrives. */
export function endpointFinding({ endpoints, name, service }: Scene): Finding {
  const local = service.spec.externalTrafficPolicy === "Local";
  const nodes = [...endpoints.nodes].sort(([a], [b]) => (a < b ? -1 : 1));
  if (endpoints.any) {
    const where = nodes.map(([node, count]) => `${node} (${count})`).join(", ");
    const words = `usable ones on ${where === "" ? "nodes that nobody names" : where}${local ? "; only these nodes serve, by spec.externalTrafficPolicy Local" : ""}`;
    return intended("endpoints", "yes", words, {
      object: { kind: "EndpointSlice", namespace: name.namespace, name: name.name },
    });
  }
  const selector = Object.entries(service.spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  const words = `no EndpointSlice of the Service has a usable endpoint: no pod with ${selector.join(",") || "the labels of spec.selector"} is ready`;
  const change = "make a pod that spec.selector selects ready, or let spec.selector select the pods that are";
  return broken(
    { step: "endpoints", basis: "intent" },
    { name: "no-endpoint", rank: RANK.endpoints, object: name, field: "spec.selector", words, change },
  );
}

/** The webhook, and whoever else is there: none of it touches the address itself. */
export function clusterFindings({ facts }: Scene): readonly Finding[] {
  const rivals = facts.rivals.map((rival) =>
    broken(
      { step: "cluster", basis: "observed" },
      {
        name: "second-controller",
        rank: RANK.cluster,
        words: `${rival.name} looks after the same Services`,
        change: rival.change,
      },
      "doubt",
    ),
  );
  return facts.webhook === undefined
    ? rivals
    : [...rivals, webhookFinding(facts.webhook, facts.manifests.endpointSlices)];
}

function webhookFinding(hook: Webhook, slices: Scene["facts"]["manifests"]["endpointSlices"]): Finding {
  const object = { kind: "ValidatingWebhookConfiguration", name: hook.configuration };
  const own = slices.filter(({ metadata: { namespace, labels } }) => {
    return `${namespace}/${labels?.["kubernetes.io/service-name"] ?? ""}` === hook.service;
  });
  const up = own.some(({ endpoints = [] }) => endpoints.some(({ conditions }) => conditions?.ready !== false));
  if (up && hook.trusted) return observed("cluster", "yes", "the webhook is there to judge changes", { object });
  const refused =
    hook.failurePolicy === "Ignore" ? "changes are not judged" : "every change of a metallb.io object is refused";
  const why = up ? "has no caBundle yet" : `has no ready endpoint behind Service ${hook.service}`;
  const cause = {
    name: "webhook-down",
    rank: RANK.cluster,
    object,
    field: up ? "webhooks[].clientConfig.caBundle" : "webhooks[].clientConfig.service",
    words: `the webhook ${why}: ${refused}; what is announced goes on`,
    change: "look whether the controller runs with --webhook-mode enabled, and what it logs",
  };
  return broken({ step: "cluster", basis: "observed" }, cause, "doubt");
}

function quoted(text: string): string {
  return text === "" ? "not set" : JSON.stringify(text);
}
