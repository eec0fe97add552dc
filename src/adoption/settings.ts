import { error, type Finding, info, warning } from "./finding.ts";
import { type Installation, isSet, STOPPED_LABEL } from "./installation.ts";
import type { Given, GivenObjects } from "./objects.ts";
import { type Container, flagOf, type Workload } from "./workload.ts";

/** Looks for one kind of setting. */
type Rule = (metallb: Installation, objects: GivenObjects) => readonly Finding[];

const OWN_TOLERATIONS: readonly string[] = ["node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"];
const MEANINGLESS_FLAGS: readonly string[] = [
  "ml-wan-config",
  "frrk8s-secret-passthrough",
  "bgp-debounce-timeout",
  "webhook-http2",
  "pprof-bind-address",
];
const MEANINGLESS_ENV: readonly string[] = ["METALLB_BGP_DEBOUNCE_TIMEOUT", "FRR_LOGGING_LEVEL"];

const RULES: readonly Rule[] = [
  stoppedAlready,
  classOfItsOwn,
  speakerNodeSelector,
  speakerTolerations,
  speakerAffinity,
  ignoreExcludeLb,
  memberlist,
  flagsWithoutMeaning,
  metricsTls,
  frrMetrics,
  frrRawConfig,
  frrConfigurations,
  frrK8sElsewhere,
  webhookLeftBehind,
  putBack,
];

/** What the way MetalLB is installed asks of Herald's, and what of it has no meaning there. */
export function installationFindings(metallb: Installation, objects: GivenObjects): readonly Finding[] {
  return RULES.flatMap((rule) => rule(metallb, objects));
}

/** The FRRConfigurations that MetalLB's speakers write are called `metallb-` and the node (reference 5.4). */
function foreignFrrConfigurations(metallb: Installation, objects: GivenObjects): readonly Given[] {
  const own = (object: Given): boolean => object.namespace === metallb.namespace && object.name.startsWith("metallb-");
  return objects.of("FRRConfiguration").filter((object) => !own(object));
}

function stoppedAlready({ controller, speaker }: Installation): readonly Finding[] {
  return [controller, speaker].flatMap((workload) => {
    if (workload === undefined || !isStopped(workload)) return [];
    return [info("metallb-stopped", workload.object, "is stopped; herald adopt --revert --yes starts it again")];
  });
}

function isStopped(workload: Workload): boolean {
  return workload.kind === "Deployment" ? workload.replicas === 0 : Object.hasOwn(workload.nodeSelector, STOPPED_LABEL);
}

function classOfItsOwn({ controller, loadBalancerClass }: Installation): readonly Finding[] {
  if (loadBalancerClass === "") return [];
  const text = `serves only Services of loadBalancerClass ${loadBalancerClass}: install Herald with --set loadBalancerClass=${loadBalancerClass}`;
  return [info("lb-class", controller?.object, text)];
}

function speakerNodeSelector({ speaker }: Installation): readonly Finding[] {
  if (speaker === undefined) return [];
  return Object.entries(ownNodeSelector(speaker)).map(([key, value]) =>
    warning(
      "speaker-node-selector",
      speaker.object,
      `runs on nodes with ${key}=${value} only: install Herald with --set-string speaker.nodeSelector.${escapeDots(key)}=${value}, or more nodes announce`,
    ),
  );
}

/** What the operator chose, without what every speaker has and what a stopped one gets. */
export function ownNodeSelector({ nodeSelector }: Workload): Readonly<Record<string, string>> {
  const { "kubernetes.io/os": _os, [STOPPED_LABEL]: _stopped, ...own } = nodeSelector;
  return own;
}

function escapeDots(key: string): string {
  return `"${key.replaceAll(".", "\\.")}"`;
}

function speakerTolerations({ speaker }: Installation): readonly Finding[] {
  if (speaker === undefined) return [];
  const others = speaker.tolerations.filter((text) => !OWN_TOLERATIONS.some((key) => text.includes(`"${key}"`)));
  if (others.length === 0) return [];
  const text = `tolerates more than control-plane nodes: install Herald with --set-json 'speaker.tolerations=[${others.join(",")}]', or fewer nodes announce`;
  return [warning("speaker-tolerations", speaker.object, text)];
}

function speakerAffinity({ speaker }: Installation): readonly Finding[] {
  if (speaker?.hasAffinity !== true) return [];
  return [warning("speaker-affinity", speaker.object, "has an affinity: give Herald the same as speaker.affinity")];
}

function ignoreExcludeLb({ speaker, ignoreExcludeLb: set }: Installation): readonly Finding[] {
  if (!set) return [];
  const text = "announces from nodes with the exclude label: install Herald with --set speaker.ignoreExcludeLB=true";
  return [warning("ignore-exclude-lb", speaker?.object, text)];
}

function memberlist({ speaker, namespace }: Installation, objects: GivenObjects): readonly Finding[] {
  if (speaker === undefined) return [];
  const gossips = speaker.containers.some(({ env }) => env.has("METALLB_ML_BIND_ADDR"));
  if (!gossips) {
    const text = "runs without memberlist; Herald's speakers gossip unless --set speaker.memberlist.enabled=false";
    return [info("memberlist-disabled", speaker.object, text)];
  }
  const secrets = objects
    .of("Secret")
    .filter(({ name, namespace: where }) => where === namespace && name.endsWith("memberlist"));
  const text = "is the key of MetalLB's gossip: Herald makes its own, and the two do not hear each other";
  return secrets.map((secret) => info("memberlist-secret", secret, text));
}

function flagsWithoutMeaning({ controller, speaker }: Installation): readonly Finding[] {
  return [controller, speaker].flatMap((workload) =>
    (workload?.containers ?? []).flatMap((container) => {
      const flags = MEANINGLESS_FLAGS.filter((flag) => isSet(container, flag)).map((flag) => `--${flag}`);
      const variables = MEANINGLESS_ENV.filter((name) => container.env.has(name));
      return [...flags, ...variables].map((what) =>
        info("flag-without-meaning", workload?.object, `${what} has no meaning in Herald`),
      );
    }),
  );
}

function metricsTls(metallb: Installation): readonly Finding[] {
  return [metallb.controller, metallb.speaker].flatMap((workload) => {
    if (workload === undefined || !workload.containers.some(servesTls)) return [];
    const text =
      "serves metrics over HTTPS: see the values prometheus.secure and tls of Herald's chart, or its scrapes fail";
    return [warning("metrics-tls", workload.object, text)];
  });
}

/** By a proxy in front, by a certificate of its own, or because it is 0.16 and knows nothing else. */
function servesTls(container: Container): boolean {
  if (container.name.startsWith("kube-rbac-proxy") || flagOf(container, "metrics-cert-dir") !== undefined) return true;
  const [, major = "0", minor = "0"] = /:v?(\d+)\.(\d+)/.exec(container.image) ?? [];
  return /metallb[/-](controller|speaker)/.test(container.image) && (Number(major) > 0 || Number(minor) >= 16);
}

function frrMetrics({ mode, speaker }: Installation): readonly Finding[] {
  if (mode === "native") return [];
  const names = mode === "frr" ? "of the frr-metrics container (port 7473 or 9121)" : "frrk8s_bgp_* and frrk8s_bfd_*";
  const text = `metrics ${names} go; Herald has metallb_bgp_* and metallb_bfd_* on its own port`;
  return [info("frr-metrics", speaker?.object, text)];
}

function frrRawConfig({ namespace }: Installation, objects: GivenObjects): readonly Finding[] {
  const map = objects.of("ConfigMap").find((one) => one.name === "bgpextras" && one.namespace === namespace);
  if (map === undefined) return [];
  return [
    warning(
      "frr-raw-config",
      map,
      "is raw FRR configuration: Herald has no FRR and does not read it. What does it add?",
    ),
  ];
}

function frrConfigurations(metallb: Installation, objects: GivenObjects): readonly Finding[] {
  const text =
    "is an FRRConfiguration that MetalLB did not write: Herald does not read it, and FRR-K8s cannot be stopped while somebody needs it";
  return foreignFrrConfigurations(metallb, objects).map((object) => error("frr-configuration", object, text));
}

function frrK8sElsewhere({ mode, frrk8s, speaker }: Installation): readonly Finding[] {
  if (mode !== "frr-k8s" || frrk8s !== undefined) return [];
  const text =
    "hands its sessions to an FRR-K8s of another installation, which keeps them when MetalLB stops: delete the FRRConfigurations called metallb-NODE there";
  return [warning("frrk8s-external", speaker?.object, text)];
}

/** With failurePolicy Fail and nobody behind it, the API server refuses every change of a pool or peer. */
function webhookLeftBehind({ namespace }: Installation, objects: GivenObjects): readonly Finding[] {
  const object = objects.find("ValidatingWebhookConfiguration", "metallb-webhook-configuration");
  const hooks = object?.fields.objects("webhooks") ?? [];
  const ours = hooks.some((hook) => hook.object("clientConfig")?.object("service")?.string("namespace") === namespace);
  const blocks = hooks.some((hook) => hook.string("failurePolicy") !== "Ignore");
  if (object === undefined || !ours || !blocks) return [];
  const text =
    "refuses every change of pools and peers once MetalLB's controller is stopped; --apply sets failurePolicy Ignore until Herald's takes its place";
  return [warning("webhook-left-behind", object, text)];
}

/** Who keeps a workload as it is written elsewhere starts it again, minutes after everything looked well. */
function putBack({ controller, speaker, frrk8s }: Installation): readonly Finding[] {
  return [controller, speaker, frrk8s].flatMap((workload) => {
    if (workload === undefined) return [];
    const { object } = workload;
    const owner = ownerOf(object);
    if (owner !== undefined) {
      const text = `belongs to ${owner}, which would start it again: stop that first, or Services get two owners`;
      return [error("put-back", object, text)];
    }
    const by = KEEPERS.find(({ marks }) => marks.some((mark) => isMarked(object, mark)))?.name;
    if (by === undefined) return [];
    const text = `is kept as it is by ${by}, which would start it again: suspend that before --apply, until MetalLB is out of its source`;
    return [warning("put-back", object, text)];
  });
}

const KEEPERS = [
  { name: "Argo CD", marks: ["argocd.argoproj.io/instance", "argocd.argoproj.io/tracking-id"] },
  { name: "Flux", marks: ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"] },
] as const;

function isMarked({ labels, annotations }: Given, mark: string): boolean {
  return Object.hasOwn(labels, mark) || Object.hasOwn(annotations, mark);
}

/** `MetalLB metallb`, as its Operator makes them. */
function ownerOf({ fields }: Given): string | undefined {
  const owners = fields.object("metadata")?.objects("ownerReferences") ?? [];
  const owner = owners.find((one) => one.boolean("controller") === true);
  return owner === undefined ? undefined : `${owner.string("kind") ?? ""} ${owner.string("name") ?? ""}`;
}
