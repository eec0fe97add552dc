import type { FieldReader } from "../api/read-object.ts";
import type { Given, GivenObjects } from "./objects.ts";

/** A Deployment or a DaemonSet, as far as it tells what runs in it. */
export interface Workload {
  readonly object: Given;
  readonly kind: "Deployment" | "DaemonSet";
  readonly containers: readonly Container[];
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** As JSON: they are compared and shown, never read. */
  readonly tolerations: readonly string[];
  readonly hasAffinity: boolean;
  /** How many pods it is to have; undefined for a DaemonSet, whose nodes decide. */
  readonly replicas: number | undefined;
  /** How many pods it has, as its status says. */
  readonly pods: number;
  /** Whether the status speaks of the spec as it is now. */
  readonly observed: boolean;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  /** Only those with a value of their own: an empty text stands for one taken from elsewhere. */
  readonly env: ReadonlyMap<string, string>;
}

const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER };

export function workloadsOf(objects: GivenObjects): readonly Workload[] {
  return [
    ...objects.of("Deployment", "apps").map((object) => workloadOf(object, "Deployment")),
    ...objects.of("DaemonSet", "apps").map((object) => workloadOf(object, "DaemonSet")),
  ];
}

export function workloadOf(object: Given, kind: Workload["kind"]): Workload {
  const spec = object.fields.object("spec");
  const pod = spec?.object("template")?.object("spec");
  const status = object.fields.object("status");
  const generation = object.fields.object("metadata")?.integer("generation", COUNT) ?? 0;
  return {
    object,
    kind,
    containers: containersOf(pod),
    nodeSelector: pod?.stringMap("nodeSelector") ?? {},
    tolerations: (pod?.objects("tolerations") ?? []).map(tolerationText),
    hasAffinity: pod?.has("affinity") ?? false,
    replicas: kind === "Deployment" ? (spec?.integer("replicas", COUNT) ?? 1) : undefined,
    pods: (kind === "Deployment" ? status?.integer("replicas", COUNT) : podsOfDaemonSet(status)) ?? 0,
    observed: (status?.integer("observedGeneration", COUNT) ?? 0) >= generation,
  };
}

/** Pods on nodes where they should no longer be count as well. */
function podsOfDaemonSet(status: FieldReader | undefined): number {
  const keys = ["currentNumberScheduled", "numberMisscheduled"];
  return keys.reduce((sum, key) => sum + (status?.integer(key, COUNT) ?? 0), 0);
}

/** The containers of a pod's spec. */
export function containersOf(pod: FieldReader | undefined): readonly Container[] {
  return (pod?.objects("containers") ?? []).map((container) => ({
    name: container.string("name") ?? "",
    image: container.string("image") ?? "",
    args: [...container.strings("command"), ...container.strings("args")].map(({ value }) => value),
    env: new Map(
      container.objects("env").map((one): [string, string] => [one.string("name") ?? "", one.string("value") ?? ""]),
    ),
  }));
}

/** `--name=value`, `--name value` or `--name` alone, which is the empty text; undefined when it is not there. */
export function flagOf({ args }: Container, name: string): string | undefined {
  for (const [i, arg] of args.entries()) {
    if (arg.startsWith(`--${name}=`)) return arg.slice(name.length + 3);
    if (arg !== `--${name}`) continue;
    const next = args[i + 1] ?? "";
    return next.startsWith("-") ? "" : next;
  }
  return undefined;
}

/** The last part of an image's path, without tag and digest. */
export function imagePath(image: string): string {
  const [untagged = ""] = image.split("@");
  const slash = untagged.lastIndexOf("/");
  const colon = untagged.lastIndexOf(":");
  return colon > slash ? untagged.slice(0, colon) : untagged;
}

/** What stands behind the colon; empty where the image names none. */
export function imageTag(image: string): string {
  const [untagged = ""] = image.split("@");
  const path = imagePath(image);
  return untagged.length > path.length ? untagged.slice(path.length + 1) : "";
}

function tolerationText(toleration: FieldReader): string {
  const keys = ["key", "operator", "value", "effect"];
  return JSON.stringify(
    Object.fromEntries(
      keys.flatMap((key) => [toleration.string(key)].flatMap((v) => (v === undefined ? [] : [[key, v]]))),
    ),
  );
}
