import { LabCheckError } from "../runner/errors.ts";
import { type JsonObject, objectOf } from "../runner/json.ts";
import type { Fault, Plant, Stage } from "./fault.ts";
import { metallb, service, serviceRef } from "./objects.ts";
import { all, created, filtered, type Manifest, patched } from "./plants.ts";

const WEB = ["web"];
const FROM_POOL = { annotations: { "metallb.io/address-pool": "routed" } };

/** Ends a program as a rollout does; it is started again. */
function stopped(program: (stage: Stage) => { stop(): Promise<boolean>; start(): void }): Plant {
  return async (stage) => {
    const running = program(stage);
    await running.stop();
    return async () => running.start();
  };
}

const CONTROLLER = stopped(({ lab }) => lab.program("cp", "controller"));
const SPEAKER = stopped(({ lab }) => lab.speaker("n2"));

/** The pod goes with its speaker, as where a taint keeps the DaemonSet away. */
const NO_POD: Plant = async ({ lab: { api } }) => {
  const ref = { kind: "Pod", namespace: "metallb-system", name: "speaker-n2" } as const;
  const { apiVersion, kind, metadata, spec, status } = podOf(await api.get(ref));
  await api.delete(ref);
  return async () => {
    await api.apply({ apiVersion, kind, metadata, spec });
    await api.patchStatus(ref, status);
  };
};

interface PodManifest extends Manifest {
  readonly kind: "Pod";
  readonly status: JsonObject;
}

function podOf(object: unknown): PodManifest {
  const { apiVersion, metadata, spec, status } = objectOf(object);
  const { name, namespace, labels } = objectOf(metadata);
  return { apiVersion, kind: "Pod", metadata: { name, namespace, labels }, spec, status: objectOf(status) };
}

/** A Deployment of a load balancer's controller. */
function deployment(namespace: string, image: string, labels: JsonObject): Manifest {
  const selector = { matchLabels: { app: "controller" } };
  const template = {
    metadata: { labels: { app: "controller" } },
    spec: { containers: [{ name: "controller", image }] },
  };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "controller", namespace, labels },
    spec: { replicas: 1, selector, template },
  };
}

function namespaceObject(name: string): Manifest {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** A webhook whose Service has nobody behind it. */
const WEBHOOK: Manifest = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "metallb-webhook-configuration" },
  webhooks: [
    {
      name: "ipaddresspoolvalidationwebhook.metallb.io",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      clientConfig: {
        caBundle: "",
        service: { namespace: "metallb-system", name: "metallb-webhook-service", path: "/validate" },
      },
      rules: [
        { apiGroups: ["metallb.io"], apiVersions: ["v1beta1"], operations: ["CREATE"], resources: ["ipaddresspools"] },
      ],
    },
  ],
};

/** What the user wanted to make, and the API server refuses because nobody judges it. */
const REFUSED: Plant = async ({ lab: { api } }) => {
  const refused = await api.apply(metallb("IPAddressPool", "more", { addresses: ["203.0.113.70/32"] })).then(
    () => "",
    (error: unknown) => String(error),
  );
  if (!refused.includes("failed calling webhook")) throw new LabCheckError(`the pool was not refused: ${refused}`);
  return async () => {};
};

/** Parts that do not run, and others that should not. */
export const CLUSTER_FAULTS: readonly Fault[] = [
  {
    name: "the controller does not run",
    plant: all(CONTROLLER, created(service("late", FROM_POOL))),
    ask: ["late"],
    names: {
      cause: "controller-silent",
      object: "Service late",
      field: "status.loadBalancer.ingress",
      change: /look whether a controller runs/,
      answers: "no",
    },
  },
  {
    name: "no speaker runs on a node: it has no pod",
    plant: all(SPEAKER, NO_POD),
    ask: WEB,
    names: {
      cause: "no-speaker",
      object: "Node n2",
      change: /let the speakers' DaemonSet run on Node n2/,
      answers: "partly",
    },
  },
  {
    name: "the speaker in a pod does not answer",
    plant: SPEAKER,
    ask: [...WEB, "--node", "n2"],
    names: {
      cause: "speaker-silent",
      object: "Node n2",
      change: /look at the speaker's pod on Node n2/,
      answers: "unknown",
    },
  },
  {
    name: "MetalLB runs beside",
    plant: created(namespaceObject("metallb-old"), deployment("metallb-old", "quay.io/metallb/controller:v0.15.2", {})),
    ask: WEB,
    names: {
      cause: "second-controller",
      words: /MetalLB in namespace metallb-old/,
      change: /stop MetalLB/,
      answers: "yes",
    },
  },
  {
    name: "a second Herald looks after the same class",
    plant: created(
      namespaceObject("herald-two"),
      deployment("herald-two", "registry.example/herald:1", {
        "app.kubernetes.io/name": "herald",
        "app.kubernetes.io/component": "controller",
      }),
      deployment("metallb-system", "registry.example/herald:1", {
        "app.kubernetes.io/name": "herald",
        "app.kubernetes.io/component": "controller",
      }),
    ),
    ask: WEB,
    names: {
      cause: "second-controller",
      words: /another Herald in namespace herald-two/,
      change: /stop one, or give it a --lb-class/,
      answers: "yes",
    },
  },
  {
    name: "kube-vip has written on the Service",
    plant: patched(serviceRef("web"), { metadata: { annotations: { "kube-vip.io/vipHost": "n1" } } }),
    ask: WEB,
    names: { cause: "second-controller", words: /kube-vip/, change: /svc_enable=false/, answers: "yes" },
  },
  {
    name: "the webhook is down, and the pool that the Service asks for was refused",
    plant: all(
      created(WEBHOOK),
      REFUSED,
      created(service("new", { annotations: { "metallb.io/address-pool": "more" } })),
    ),
    ask: ["new"],
    names: {
      cause: "pool-unknown",
      object: "Service new",
      field: "metadata.annotations[metallb.io/address-pool]",
      change: /name an IPAddressPool that exists/,
      answers: "no",
      also: "webhook-down",
    },
  },
  {
    name: "the webhook is down",
    plant: created(WEBHOOK),
    ask: WEB,
    names: {
      cause: "webhook-down",
      object: "ValidatingWebhookConfiguration metallb-webhook-configuration",
      field: "webhooks[].clientConfig.service",
      words: /every change of a metallb\.io object is refused/,
      change: /look whether the controller runs with --webhook-mode enabled/,
      answers: "yes",
    },
  },
  {
    name: "the API does not answer",
    plant: filtered("cp", "tcp dport 6443 reject with tcp reset"),
    ask: WEB,
    complains: /the API server does not answer.*--socket/s,
    code: 1,
  },
];
