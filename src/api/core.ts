import type { KubernetesObject } from "./object.ts";

/** What Herald reads of a `v1/Service`. */
export interface Service extends KubernetesObject {
  readonly spec: ServiceSpec;
  readonly status?: ServiceStatus;
}

export type IpFamilyPolicy = "SingleStack" | "PreferDualStack" | "RequireDualStack";

export interface ServiceSpec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: IpFamilyPolicy;
  readonly loadBalancerIP?: string;
  readonly loadBalancerClass?: string;
  readonly externalTrafficPolicy?: "Cluster" | "Local";
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly ServicePort[];
}

export interface ServicePort {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
}

interface ServiceStatus {
  readonly loadBalancer?: { readonly ingress?: readonly Ingress[] };
  /** All of them, whosever they are: a merge patch replaces the list. */
  readonly conditions?: readonly ServiceCondition[];
}

/** A `metav1.Condition`, whole. */
export interface ServiceCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

/** One entry of `status.loadBalancer.ingress`. `ipMode` and `ports` may be another controller's: they are kept. */
export interface Ingress {
  readonly ip?: string;
  readonly hostname?: string;
  readonly ipMode?: string;
  readonly ports?: readonly unknown[];
}

/** What Herald reads of a `discovery.k8s.io/v1` EndpointSlice. */
export interface EndpointSlice extends KubernetesObject {
  readonly addressType?: string;
  readonly endpoints?: readonly Endpoint[];
}

export interface Endpoint {
  readonly addresses?: readonly string[];
  readonly nodeName?: string;
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
}

/** What Herald reads of a `v1/Node`. */
export interface Node extends KubernetesObject {
  readonly status?: {
    readonly conditions?: readonly NodeCondition[];
  };
}

export interface NodeCondition {
  readonly type: string;
  readonly status: string;
}

/** Only labels matter: pools are pinned to namespaces by them. */
export type Namespace = KubernetesObject;

/** What Herald reads of a `v1/Secret`: base64 values, as the API gives them. */
export interface Secret extends KubernetesObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}
