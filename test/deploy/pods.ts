import type { Rendered } from "../support/helm.ts";

/** A container of a rendered workload, as far as tests look into it. */
export interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** The pod of a rendered workload. */
export interface Pod {
  readonly serviceAccountName: string;
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

interface Template {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: Pod;
}

/** The pod template of the only workload of this kind, where there is one. */
export function templateOf(objects: readonly Rendered[], kind: "Deployment" | "DaemonSet"): Template | undefined {
  const workload = objects.find((object) => object.kind === kind) as
    | { readonly spec: { readonly template: Template } }
    | undefined;
  return workload?.spec.template;
}

/** The pod of the only workload of this kind. @throws Error where there is none */
export function podOf(objects: readonly Rendered[], kind: "Deployment" | "DaemonSet"): Pod {
  const template = templateOf(objects, kind);
  if (template === undefined) throw new Error(`no ${kind} was rendered`);
  return template.spec;
}

/** Its first container. @throws Error where there is none */
export function containerOf(objects: readonly Rendered[], kind: "Deployment" | "DaemonSet"): Container {
  const [container] = podOf(objects, kind).containers;
  if (container === undefined) throw new Error(`${kind} has no container`);
  return container;
}
