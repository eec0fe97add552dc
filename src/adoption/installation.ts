import type { GivenObjects } from "./objects.ts";
import { type Container, flagOf, imagePath, imageTag, type Workload, workloadsOf } from "./workload.ts";

/** How MetalLB speaks BGP. */
type BgpMode = "native" | "frr" | "frr-k8s";

/** One load balancer of MetalLB's making: MetalLB itself, or Herald. */
export interface Installation {
  readonly product: "metallb" | "herald";
  readonly namespace: string;
  /** Tag of the image; empty where it has none. */
  readonly version: string;
  readonly mode: BgpMode;
  readonly controller: Workload | undefined;
  readonly speaker: Workload | undefined;
  /** MetalLB's own FRR-K8s beside the speakers. */
  readonly frrk8s: Workload | undefined;
  readonly helmRelease: string | undefined;
  /** Empty serves the Services without a class. */
  readonly loadBalancerClass: string;
  readonly ignoreExcludeLb: boolean;
}

/** Says on MetalLB's controller how many there were before `herald adopt` stopped it. */
export const FORMER_REPLICAS = "herald.io/adopt-replicas";
/** A label that no node has: a DaemonSet that wants it has no pods. */
export const STOPPED_LABEL = "herald.io/adopt-stopped";

type Role = "controller" | "speaker" | "frrk8s";

interface Part {
  readonly product: Installation["product"];
  readonly role: Role;
  readonly workload: Workload;
  readonly container: Container;
}

const METALLB_IMAGE: readonly (readonly [RegExp, Role])[] = [
  [/(^|\/)metallb[/-]controller$/, "controller"],
  [/(^|\/)metallb[/-]speaker$/, "speaker"],
  [/(^|\/)(metallb\/)?frr-k8s$/, "frrk8s"],
];
const NAME_LABELS = ["app.kubernetes.io/name", "app"];
const COMPONENT_LABELS = ["app.kubernetes.io/component", "component"];

/** MetalLB and Herald, each as often as it is installed, by namespace. */
export function findInstallations(objects: GivenObjects): readonly Installation[] {
  const groups = new Map<string, Part[]>();
  for (const workload of workloadsOf(objects)) {
    const part = partOf(workload);
    if (part === undefined) continue;
    const key = `${part.product} ${workload.object.namespace}`;
    groups.set(key, [...(groups.get(key) ?? []), part]);
  }
  return [...groups.values()].flatMap(installationOf);
}

/** Whether something of it runs or is about to. */
export function runs({ controller, speaker }: Installation): boolean {
  return isControllerOn(controller) || isSpeakerOn(speaker);
}

export function isControllerOn(workload: Workload | undefined): boolean {
  return workload !== undefined && ((workload.replicas ?? 1) > 0 || workload.pods > 0);
}

export function isSpeakerOn(workload: Workload | undefined): boolean {
  return workload !== undefined && (!Object.hasOwn(workload.nodeSelector, STOPPED_LABEL) || workload.pods > 0);
}

function installationOf(parts: readonly Part[]): readonly Installation[] {
  const find = (role: Role): Part | undefined => parts.find((part) => part.role === role);
  const [controller, speaker] = [find("controller"), find("speaker")];
  const main = controller ?? speaker;
  if (main === undefined) return [];
  const { annotations, namespace } = main.workload.object;
  return [
    {
      product: main.product,
      namespace,
      version: imageTag(main.container.image),
      mode: modeOf(speaker, parts),
      controller: controller?.workload,
      speaker: speaker?.workload,
      frrk8s: find("frrk8s")?.workload,
      helmRelease: annotations["meta.helm.sh/release-name"],
      loadBalancerClass: flagOf(main.container, "lb-class") ?? "",
      ignoreExcludeLb: speaker !== undefined && isSet(speaker.container, "ignore-exclude-lb"),
    },
  ];
}

/** Absent means native (reference 0); a container called `frr` means FRR whatever the environment says. */
function modeOf(speaker: Part | undefined, parts: readonly Part[]): BgpMode {
  const type = speaker?.container.env.get("METALLB_BGP_TYPE");
  if (type === "frr" || type === "frr-k8s") return type;
  if (speaker?.workload.containers.some(({ name }) => name === "frr") === true) return "frr";
  return parts.some(({ role }) => role === "frrk8s") ? "frr-k8s" : "native";
}

function partOf(workload: Workload): Part | undefined {
  const byImage = workload.containers.flatMap((container) => {
    const role = METALLB_IMAGE.find(([pattern]) => pattern.test(imagePath(container.image)))?.[1];
    return role === undefined ? [] : [{ product: "metallb" as const, role, workload, container }];
  });
  return byImage[0] ?? partByLabels(workload);
}

/** Images may be mirrored under any name; labels are harder to change. */
function partByLabels(workload: Workload): Part | undefined {
  const { labels } = workload.object;
  const name = NAME_LABELS.map((key) => labels[key]).find((value) => value === "metallb" || value === "herald");
  const component = COMPONENT_LABELS.map((key) => labels[key]).find((value) => value !== undefined);
  const role = component === "controller" || component === "speaker" ? component : undefined;
  if (name === undefined || role === undefined) return undefined;
  const container = workload.containers.find((one) => one.name === role) ?? workload.containers[0];
  if (container === undefined) return undefined;
  return { product: name === "herald" ? "herald" : "metallb", role, workload, container };
}

/** A switch counts as set unless it says false. */
export function isSet(container: Container, flag: string): boolean {
  const value = flagOf(container, flag);
  return value !== undefined && value !== "false";
}
