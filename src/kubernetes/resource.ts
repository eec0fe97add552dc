/** One collection of the Kubernetes API: where it lives in the URL space and what its objects are called. */
export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

const core = (plural: string, kind: string, namespaced = true): Resource => ({
  group: "",
  version: "v1",
  plural,
  kind,
  namespaced,
});

const metallb = (plural: string, kind: string, version = "v1beta1"): Resource => ({
  group: "metallb.io",
  version,
  plural,
  kind,
  namespaced: true,
});

export const SERVICES = core("services", "Service");
export const NODES = core("nodes", "Node", false);
export const NAMESPACES = core("namespaces", "Namespace", false);
export const SECRETS = core("secrets", "Secret");
export const EVENTS = core("events", "Event");
export const PODS = core("pods", "Pod");
export const ENDPOINT_SLICES: Resource = {
  group: "discovery.k8s.io",
  version: "v1",
  plural: "endpointslices",
  kind: "EndpointSlice",
  namespaced: true,
};
export const DEPLOYMENTS: Resource = {
  group: "apps",
  version: "v1",
  plural: "deployments",
  kind: "Deployment",
  namespaced: true,
};
export const LEASES: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};

export const CUSTOM_RESOURCE_DEFINITIONS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};
export const VALIDATING_WEBHOOK_CONFIGURATIONS: Resource = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  plural: "validatingwebhookconfigurations",
  kind: "ValidatingWebhookConfiguration",
  namespaced: false,
};

export const IP_ADDRESS_POOLS = metallb("ipaddresspools", "IPAddressPool");
export const BGP_PEERS = metallb("bgppeers", "BGPPeer", "v1beta2");
export const BGP_ADVERTISEMENTS = metallb("bgpadvertisements", "BGPAdvertisement");
export const L2_ADVERTISEMENTS = metallb("l2advertisements", "L2Advertisement");
export const COMMUNITIES = metallb("communities", "Community");
export const BFD_PROFILES = metallb("bfdprofiles", "BFDProfile");
export const CONFIGURATION_STATES = metallb("configurationstates", "ConfigurationState");
export const SERVICE_L2_STATUSES = metallb("servicel2statuses", "ServiceL2Status");
export const SERVICE_BGP_STATUSES = metallb("servicebgpstatuses", "ServiceBGPStatus");

export const BGP_SESSION_STATES: Resource = {
  group: "frrk8s.metallb.io",
  version: "v1beta1",
  plural: "bgpsessionstates",
  kind: "BGPSessionState",
  namespaced: true,
};

/** `v1` or `group/version`: what an object of this resource carries as `apiVersion`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** Which object or collection a URL names. */
export interface Target {
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
}

/** The path of a collection (all namespaces when none is given) or of one object in it. */
export function pathOf(resource: Resource, target: Target): string {
  const root = resource.group === "" ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scoped = resource.namespaced && target.namespace !== undefined;
  const parts = scoped ? ["namespaces", target.namespace, resource.plural] : [resource.plural];
  const path = [...parts, target.name, target.subresource].filter((part) => part !== undefined);
  return `${root}/${path.map(encodeURIComponent).join("/")}`;
}
