import { WEBHOOKS } from "./actions.ts";
import type { Finding } from "./finding.ts";
import { type Installation, isControllerOn, isSpeakerOn, STOPPED_LABEL } from "./installation.ts";
import type { Workload } from "./workload.ts";

/** One step of the way, with the commands as they are typed. */
export interface Step {
  readonly title: string;
  readonly commands: readonly string[];
  /** What to know before, and what to see after. */
  readonly note: string;
}

export interface StepsInput {
  readonly metallb: Installation | undefined;
  readonly findings: readonly Finding[];
  readonly loadBalancerClass: string;
}

const KINDS = "ipaddresspools,bgppeers,bgpadvertisements,l2advertisements,communities,bfdprofiles";
const CHART = "deploy/helm/herald";
/** What of a second installation would clash with MetalLB's: names of the cluster, and ports of the nodes. */
const BESIDE: readonly string[] = [
  "crds.enabled=false",
  "controller.webhookMode=disabled",
  "speaker.memberlist.mlBindPort=7947",
  "speaker.healthPort=17473",
  "prometheus.metricsPort=9122",
];

/** The way from MetalLB to Herald; for a cluster without MetalLB, the way to a first installation. */
export function switchSteps(input: StepsInput): readonly Step[] {
  const { metallb, findings } = input;
  const namespace = metallb?.namespace ?? "metallb-system";
  const blocking = findings.filter(({ severity }) => severity === "error").length;
  return [
    ...(blocking === 0 ? [] : [clearTheWay(blocking)]),
    ...(metallb === undefined ? [] : [backup(namespace), ...stopSteps(metallb)]),
    install(input, namespace),
    lookAtIt(namespace),
    ...(metallb === undefined ? [] : [removeRest(metallb)]),
  ];
}

/** Herald for Services of its own, in a namespace of its own, and nothing of MetalLB's touched. */
export function besideSteps({ findings, loadBalancerClass }: StepsInput): readonly Step[] {
  const blocking = findings.filter(({ severity }) => severity === "error").length;
  const sets = [...BESIDE, `loadBalancerClass=${loadBalancerClass}`].map((set) => `--set ${set}`);
  return [
    ...(blocking === 0 ? [] : [clearTheWay(blocking)]),
    {
      title: "Install Herald beside MetalLB, which stays as it is",
      commands: [
        "kubectl create namespace herald-system",
        "kubectl label namespace herald-system pod-security.kubernetes.io/enforce=privileged",
        `helm upgrade --install herald ${CHART} --namespace herald-system --set image.repository=registry.example/herald ${sets.join(" ")}`,
      ],
      note: "Both are on the host's network, so the ports are other ones. Pools and peers are Herald's own, in its namespace; its pools and MetalLB's have no address in common.",
    },
    lookAtIt("herald-system"),
  ];
}

/** The way back: possible until MetalLB's workloads are deleted. */
export function revertSteps({ metallb }: StepsInput): readonly Step[] {
  if (metallb === undefined) return [];
  const { namespace, helmRelease } = metallb;
  const again =
    helmRelease === undefined
      ? "kubectl apply --server-side --force-conflicts -f YOUR-METALLB-MANIFEST.yaml"
      : `helm upgrade ${helmRelease} metallb/metallb --version YOUR-VERSION --reuse-values --namespace ${namespace} --take-ownership --force-conflicts`;
  return [
    {
      title: "Remove Herald",
      commands: [
        `helm uninstall herald --namespace ${namespace}`,
        `kubectl patch crd bgppeers.metallb.io --type merge --patch '{"spec":{"conversion":{"strategy":"None","webhook":null}}}'`,
      ],
      note: "The second command takes the conversion webhook out of the definitions. These, pools, peers and the addresses of Services stay.",
    },
    {
      title: "Start MetalLB again",
      commands: [`herald adopt --revert --yes --namespace ${namespace}`],
      note: "It refuses while Herald runs for the same Services.",
    },
    {
      title: "Give MetalLB back what Herald's chart had taken over: the webhook's configuration, Service and Secret",
      commands: [again, ...rollouts(metallb, namespace)],
      note: "Services keep their addresses: MetalLB reads them from the status, as Herald did.",
    },
  ];
}

function clearTheWay(count: number): Step {
  return {
    title: `Clear the ${count} error(s) above`,
    commands: ["herald adopt"],
    note: "--apply refuses while there are any.",
  };
}

function backup(namespace: string): Step {
  return {
    title: "Keep a copy",
    commands: [
      `kubectl get --namespace ${namespace} ${KINDS} --output yaml > metallb-config.yaml`,
      "kubectl get services --all-namespaces --output yaml > services.yaml",
    ],
    note: "",
  };
}

function stopSteps(metallb: Installation): readonly Step[] {
  const { controller, speaker, frrk8s, namespace, helmRelease } = metallb;
  if (!isControllerOn(controller) && !isSpeakerOn(speaker) && !isSpeakerOn(frrk8s)) return [];
  const byHand = [
    ...(helmRelease === undefined ? [] : [hideRelease(helmRelease, namespace)]),
    ...(isControllerOn(controller)
      ? [`kubectl scale --namespace ${namespace} ${nameOf(controller)} --replicas 0`]
      : []),
    ...[speaker, frrk8s].flatMap((one) => (isSpeakerOn(one) ? [stopByHand(one, namespace)] : [])),
  ];
  return [
    {
      title: "Stop MetalLB",
      commands: [`herald adopt --apply --yes --namespace ${namespace}`],
      note: `From here until Herald's speakers run, nobody announces: pull the image to the nodes before. By hand it is: ${byHand.join("; ")}; and failurePolicy Ignore in ${WEBHOOKS}.`,
    },
  ];
}

function hideRelease(release: string, namespace: string): string {
  return `kubectl label --namespace ${namespace} --overwrite secret --selector owner=helm,name=${release} owner=herald-adopt`;
}

function stopByHand(workload: Workload | undefined, namespace: string): string {
  const patch = JSON.stringify({ spec: { template: { spec: { nodeSelector: { [STOPPED_LABEL]: "true" } } } } });
  return `kubectl patch --namespace ${namespace} ${nameOf(workload)} --type merge --patch '${patch}'`;
}

function install({ metallb, loadBalancerClass }: StepsInput, namespace: string): Step {
  const sets = [
    "--set image.repository=registry.example/herald",
    ...(loadBalancerClass === "" ? [] : [`--set loadBalancerClass=${loadBalancerClass}`]),
    ...(metallb?.ignoreExcludeLb === true ? ["--set speaker.ignoreExcludeLB=true"] : []),
  ];
  const over = metallb === undefined ? "--create-namespace" : "--take-ownership --force-conflicts";
  return {
    title: "Install Herald",
    commands: [`helm upgrade --install herald ${CHART} --namespace ${namespace} ${over} ${sets.join(" ")}`],
    note:
      metallb === undefined
        ? ""
        : "Helm 4; Helm 3.17 or later needs no --force-conflicts. Add what the warnings above name. The definitions become Herald's, which never deletes them.",
  };
}

function lookAtIt(namespace: string): Step {
  return {
    title: "See that it is as it was",
    commands: [
      `kubectl rollout status --namespace ${namespace} deployment/herald-controller`,
      `kubectl rollout status --namespace ${namespace} daemonset/herald-speaker`,
      "kubectl get services --all-namespaces",
      "herald adopt",
    ],
    note: "",
  };
}

/** Never through Helm: its release lists the definitions. */
function removeRest(metallb: Installation): Step {
  const { controller, speaker, frrk8s, namespace, helmRelease } = metallb;
  const names = [controller, speaker, frrk8s].flatMap((one) => (one === undefined ? [] : [nameOf(one)]));
  return {
    title: "Weeks later, when there is no way back any more: delete what is left of MetalLB",
    commands: [
      `kubectl delete --namespace ${namespace} ${names.join(" ")}`,
      ...(helmRelease === undefined
        ? []
        : [`kubectl delete --namespace ${namespace} secret --selector owner=herald-adopt,name=${helmRelease}`]),
    ],
    note:
      helmRelease === undefined
        ? "Not with kubectl delete -f: the manifest contains the definitions, and pools and peers go with them."
        : "Never with helm uninstall: the release lists the definitions, and pools and peers go with them.",
  };
}

function rollouts({ controller, speaker }: Installation, namespace: string): readonly string[] {
  return [controller, speaker].flatMap((one) =>
    one === undefined ? [] : [`kubectl rollout status --namespace ${namespace} ${nameOf(one)}`],
  );
}

function nameOf(workload: Workload | undefined): string {
  return workload === undefined ? "" : `${workload.kind.toLowerCase()}/${workload.object.name}`;
}
