import { isMetallbs } from "./configuration.ts";
import { HELM_OWNER, HIDDEN_OWNER, releaseRecords } from "./helm-release.ts";
import { FORMER_REPLICAS, type Installation, isControllerOn, isSpeakerOn, STOPPED_LABEL } from "./installation.ts";
import type { Given, GivenObjects } from "./objects.ts";
import { type Workload, workloadOf } from "./workload.ts";

/** One change of the cluster that `herald adopt` makes, and how to see that it took. */
export interface Action {
  readonly name: ActionName;
  readonly kind: string;
  readonly namespace: string;
  readonly object: string;
  /** A merge patch; undefined where the object says the right thing and only has to come to rest. */
  readonly patch: object | undefined;
  /** What is missing, in words; undefined once it is as it should be. */
  readonly missing: (now: Given) => string | undefined;
}

type ActionName =
  | "keep-definition"
  | "hide-release"
  | "open-webhook"
  | "stop-controller"
  | "stop-speaker"
  | "stop-frr-k8s"
  | "start-frr-k8s"
  | "start-speaker"
  | "start-controller"
  | "close-webhook"
  | "show-release";

const KEEP = "helm.sh/resource-policy";
const FORMER_POLICIES = "herald.io/adopt-failure-policies";
export const WEBHOOKS = "metallb-webhook-configuration";

/** What there still is to do to stop MetalLB, in order; nothing once it is stopped. */
export function applyActions(metallb: Installation, objects: GivenObjects): readonly Action[] {
  return [
    ...objects.of("CustomResourceDefinition").flatMap(keepDefinition),
    ...releaseRecords(metallb, objects, HELM_OWNER).map((record) => ownRelease(record, "hide-release", HIDDEN_OWNER)),
    ...openWebhook(metallb, objects),
    ...stopController(metallb.controller),
    ...stopDaemonSet(metallb.speaker, "stop-speaker"),
    ...stopDaemonSet(metallb.frrk8s, "stop-frr-k8s"),
  ];
}

/** What there still is to do to have MetalLB as it was, in order. */
export function revertActions(metallb: Installation, objects: GivenObjects): readonly Action[] {
  return [
    ...startDaemonSet(metallb.frrk8s, "start-frr-k8s"),
    ...startDaemonSet(metallb.speaker, "start-speaker"),
    ...startController(metallb.controller),
    ...closeWebhook(objects),
    ...releaseRecords(metallb, objects, HIDDEN_OWNER).map((record) => ownRelease(record, "show-release", HELM_OWNER)),
  ];
}

function actionOn(object: Given, rest: Omit<Action, "kind" | "namespace" | "object">): Action {
  return { ...rest, kind: object.kind, namespace: object.namespace, object: object.name };
}

function keepDefinition(definition: Given): readonly Action[] {
  const isKept = ({ annotations }: Given): boolean => annotations[KEEP] === "keep";
  if (!isMetallbs(definition.name) || isKept(definition)) return [];
  return [
    actionOn(definition, {
      name: "keep-definition",
      patch: { metadata: { annotations: { [KEEP]: "keep" } } },
      missing: (now) => (isKept(now) ? undefined : `annotation ${KEEP} is not there`),
    }),
  ];
}

/** Helm deletes what the release's own manifest lists, whatever the objects say by now: it must not find the release. */
function ownRelease(record: Given, name: "hide-release" | "show-release", owner: string): Action {
  return actionOn(record, {
    name,
    patch: { metadata: { labels: { owner } } },
    missing: ({ labels }) => (labels["owner"] === owner ? undefined : `label owner is not ${owner}`),
  });
}

function openWebhook({ namespace }: Installation, objects: GivenObjects): readonly Action[] {
  const object = objects.find("ValidatingWebhookConfiguration", WEBHOOKS);
  if (object === undefined || policiesOf(object).every((policy) => policy === "Ignore")) return [];
  const hooks = object.fields.objects("webhooks");
  const ours = hooks.some((hook) => hook.object("clientConfig")?.object("service")?.string("namespace") === namespace);
  if (!ours) return [];
  return [
    actionOn(object, {
      name: "open-webhook",
      patch: withPolicies(object, () => "Ignore", JSON.stringify(policiesOf(object))),
      missing: (now) =>
        policiesOf(now).every((policy) => policy === "Ignore") ? undefined : "failurePolicy is not Ignore",
    }),
  ];
}

function closeWebhook(objects: GivenObjects): readonly Action[] {
  const object = objects.find("ValidatingWebhookConfiguration", WEBHOOKS);
  const former = formerPolicies(object?.annotations[FORMER_POLICIES]);
  if (object === undefined || former === undefined) return [];
  return [
    actionOn(object, {
      name: "close-webhook",
      patch: withPolicies(object, (i) => former[i] ?? "Fail", null),
      missing: (now) =>
        policiesOf(now).every((policy, i) => policy === (former[i] ?? "Fail"))
          ? undefined
          : "failurePolicy is not as it was",
    }),
  ];
}

function formerPolicies(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined;
  return [...text.matchAll(/"([A-Za-z]+)"/g)].map(([, policy = "Fail"]) => policy);
}

function policiesOf({ fields }: Given): readonly string[] {
  return fields.objects("webhooks").map((hook) => hook.string("failurePolicy") ?? "Fail");
}

/** A merge patch replaces a list: it carries the whole one, and the version it was read at. */
function withPolicies(object: Given, policy: (index: number) => string, annotation: string | null): object {
  const hooks = object.fields.raw("webhooks");
  const webhooks = (Array.isArray(hooks) ? hooks : []).map((hook: unknown, i) => ({
    ...(typeof hook === "object" ? hook : {}),
    failurePolicy: policy(i),
  }));
  const resourceVersion = object.fields.object("metadata")?.string("resourceVersion");
  return { metadata: { resourceVersion, annotations: { [FORMER_POLICIES]: annotation } }, webhooks };
}

function stopController(workload: Workload | undefined): readonly Action[] {
  if (workload === undefined || !isControllerOn(workload)) return [];
  const { object, replicas = 1 } = workload;
  const patch = { metadata: { annotations: { [FORMER_REPLICAS]: String(replicas) } }, spec: { replicas: 0 } };
  return [
    actionOn(object, {
      name: "stop-controller",
      patch: replicas === 0 ? undefined : patch,
      missing: (now) => stillThere(workloadOf(now, "Deployment")),
    }),
  ];
}

function startController(workload: Workload | undefined): readonly Action[] {
  if (workload === undefined || (workload.replicas ?? 1) > 0) return [];
  const { object } = workload;
  const former = Number(object.annotations[FORMER_REPLICAS] ?? "1");
  const replicas = Number.isInteger(former) && former > 0 ? former : 1;
  return [
    actionOn(object, {
      name: "start-controller",
      patch: { metadata: { annotations: { [FORMER_REPLICAS]: null } }, spec: { replicas } },
      missing: (now) =>
        workloadOf(now, "Deployment").replicas === replicas ? undefined : `replicas is not ${replicas}`,
    }),
  ];
}

function stopDaemonSet(workload: Workload | undefined, name: ActionName): readonly Action[] {
  if (workload === undefined || !isSpeakerOn(workload)) return [];
  const stopped = Object.hasOwn(workload.nodeSelector, STOPPED_LABEL);
  return [
    actionOn(workload.object, {
      name,
      patch: stopped ? undefined : selecting("true"),
      missing: (now) => stillThere(workloadOf(now, "DaemonSet")),
    }),
  ];
}

function startDaemonSet(workload: Workload | undefined, name: ActionName): readonly Action[] {
  if (workload === undefined || !Object.hasOwn(workload.nodeSelector, STOPPED_LABEL)) return [];
  return [
    actionOn(workload.object, {
      name,
      patch: selecting(null),
      missing: (now) =>
        Object.hasOwn(workloadOf(now, "DaemonSet").nodeSelector, STOPPED_LABEL)
          ? "its node selector still fits no node"
          : undefined,
    }),
  ];
}

function selecting(value: "true" | null): object {
  return { spec: { template: { spec: { nodeSelector: { [STOPPED_LABEL]: value } } } } };
}

function stillThere(workload: Workload): string | undefined {
  const { kind, pods, observed, replicas = 0, nodeSelector } = workload;
  const asked = kind === "Deployment" ? replicas === 0 : Object.hasOwn(nodeSelector, STOPPED_LABEL);
  if (!asked) return "somebody started it again";
  if (!observed) return "its controller has not seen the change yet";
  return pods === 0 ? undefined : `${pods} pod(s) are still there`;
}
