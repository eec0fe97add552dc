import type { Schema } from "../schema/schema.ts";
import {
  conditions,
  flag,
  free,
  int32,
  int64,
  intOrText,
  keyedList,
  kind,
  listOf,
  mapOf,
  object,
  objectReference,
  oneOf,
  standardConditions,
  text,
  textSet,
  time,
  withDefault,
} from "./schema-words.ts";

const protocol = withDefault(oneOf("TCP", "UDP", "SCTP"), "TCP");

const servicePort = object({
  name: text,
  protocol,
  appProtocol: text,
  "port!": int32,
  targetPort: intOrText,
  nodePort: int32,
});

const serviceSpec = object({
  allocateLoadBalancerNodePorts: flag,
  clusterIP: text,
  clusterIPs: listOf(text),
  externalIPs: listOf(text),
  externalName: text,
  externalTrafficPolicy: text,
  healthCheckNodePort: int32,
  internalTrafficPolicy: text,
  ipFamilies: listOf(text),
  ipFamilyPolicy: text,
  loadBalancerClass: text,
  loadBalancerIP: text,
  loadBalancerSourceRanges: listOf(text),
  ports: keyedList(servicePort, "port", "protocol"),
  publishNotReadyAddresses: flag,
  selector: { ...mapOf(text), "x-kubernetes-map-type": "atomic" },
  sessionAffinity: text,
  sessionAffinityConfig: object({ clientIP: object({ timeoutSeconds: int32 }) }),
  trafficDistribution: text,
  type: text,
});

const ingress = object({
  ip: text,
  hostname: text,
  ipMode: text,
  ports: listOf(object({ "port!": int32, "protocol!": text, error: text })),
});

export const service: Schema = kind("Service is a named abstraction of software service.", {
  spec: serviceSpec,
  status: object({ loadBalancer: object({ ingress: listOf(ingress) }), conditions: standardConditions }),
});

const taint = object({ "key!": text, value: text, "effect!": text, timeAdded: time });

export const node: Schema = kind("Node is a worker node in Kubernetes.", {
  spec: object({
    podCIDR: text,
    podCIDRs: textSet,
    providerID: text,
    unschedulable: flag,
    taints: listOf(taint),
    configSource: free,
    externalID: text,
  }),
  status: {
    ...free,
    properties: {
      conditions,
      addresses: keyedList(object({ "type!": text, "address!": text }), "type", "address"),
      capacity: free,
      allocatable: free,
      nodeInfo: free,
    },
  },
});

export const namespace: Schema = kind("Namespace provides a scope for Names.", {
  spec: object({ finalizers: listOf(text) }),
  status: object({ phase: text, conditions }),
});

const container: Schema = {
  ...free,
  properties: {
    name: text,
    image: text,
    env: keyedList({ ...free, properties: { name: text }, required: ["name"] }, "name"),
    ports: keyedList({ ...free, properties: { containerPort: int32, protocol } }, "containerPort", "protocol"),
    volumeMounts: keyedList({ ...free, properties: { mountPath: text } }, "mountPath"),
  },
  required: ["name"],
};

const named: Schema = { ...free, properties: { name: text }, required: ["name"] };

const podSpec: Schema = {
  ...free,
  properties: {
    nodeName: text,
    serviceAccountName: text,
    restartPolicy: text,
    containers: keyedList(container, "name"),
    initContainers: keyedList(container, "name"),
    volumes: keyedList(named, "name"),
  },
};

export const pod: Schema = kind("Pod is a collection of containers that can run on a host.", {
  spec: podSpec,
  status: { ...free, properties: { phase: text, podIP: text, hostIP: text, conditions } },
});

export const configMap: Schema = kind("ConfigMap holds configuration data for pods to consume.", {
  data: mapOf(text),
  binaryData: mapOf({ type: "string", format: "byte" }),
  immutable: flag,
});

export const secret: Schema = kind("Secret holds secret data of a certain type.", {
  data: mapOf({ type: "string", format: "byte", nullable: true }),
  stringData: mapOf(text),
  immutable: flag,
  type: text,
});

export const serviceAccount: Schema = kind("ServiceAccount binds together a name and a set of secrets.", {
  automountServiceAccountToken: flag,
  imagePullSecrets: listOf(free),
  secrets: keyedList(named, "name"),
});

const endpointsSubset = object({
  addresses: listOf(object({ "ip!": text, hostname: text, nodeName: text, targetRef: objectReference })),
  notReadyAddresses: listOf(object({ "ip!": text, hostname: text, nodeName: text, targetRef: objectReference })),
  ports: listOf(object({ name: text, protocol, appProtocol: text, "port!": int32 })),
});

export const endpoints: Schema = kind("Endpoints is a collection of endpoints that implement the actual service.", {
  subsets: listOf(endpointsSubset),
});

const nullableTime: Schema = { ...time, nullable: true };
const series = object({ count: int32, lastObservedTime: nullableTime });

export const coreEvent: Schema = kind("Event is a report of an event somewhere in the cluster.", {
  "involvedObject!": objectReference,
  reason: text,
  message: text,
  source: object({ component: text, host: text }),
  firstTimestamp: nullableTime,
  lastTimestamp: nullableTime,
  count: int32,
  type: text,
  eventTime: nullableTime,
  series: { ...series, nullable: true },
  action: text,
  related: { ...objectReference, nullable: true },
  reportingComponent: text,
  reportingInstance: text,
});

export const event: Schema = kind("Event is a report of an event somewhere in the cluster.", {
  regarding: objectReference,
  reason: text,
  note: text,
  deprecatedSource: object({ component: text, host: text }),
  deprecatedFirstTimestamp: nullableTime,
  deprecatedLastTimestamp: nullableTime,
  deprecatedCount: int32,
  type: text,
  eventTime: nullableTime,
  series: { ...series, nullable: true },
  action: text,
  related: { ...objectReference, nullable: true },
  reportingController: text,
  reportingInstance: text,
});

const sliceEndpoint = object({
  "addresses!": { type: "array", items: text, minItems: 1, maxItems: 100, "x-kubernetes-list-type": "set" },
  conditions: object({ ready: flag, serving: flag, terminating: flag }),
  deprecatedTopology: mapOf(text),
  hints: object({ forZones: listOf(object({ "name!": text })), forNodes: listOf(object({ "name!": text })) }),
  hostname: text,
  nodeName: text,
  targetRef: objectReference,
  zone: text,
});

export const endpointSlice: Schema = kind("EndpointSlice represents a set of service endpoints.", {
  "addressType!": oneOf("IPv4", "IPv6", "FQDN"),
  "endpoints!": { ...listOf(sliceEndpoint), nullable: true },
  ports: { ...listOf(object({ name: text, protocol, appProtocol: text, port: int32 })), nullable: true },
});

export const lease: Schema = kind("Lease defines a lease concept.", {
  spec: object({
    holderIdentity: text,
    leaseDurationSeconds: int32,
    leaseTransitions: int32,
    acquireTime: nullableTime,
    renewTime: nullableTime,
    preferredHolder: text,
    strategy: text,
  }),
});

const workload = (description: string): Schema =>
  kind(description, {
    spec: {
      ...free,
      properties: { template: { ...free, properties: { spec: podSpec } }, replicas: int32, selector: free },
    },
    status: { ...free, properties: { conditions, observedGeneration: int64 } },
  });

export const deployment: Schema = workload("Deployment enables declarative updates for Pods and ReplicaSets.");
export const daemonSet: Schema = workload("DaemonSet represents the configuration of a daemon set.");

export const customResourceDefinition: Schema = kind(
  "CustomResourceDefinition represents a resource that should be exposed on the API server.",
  {
    spec: { ...free, properties: { versions: listOf(free), names: free, group: text, scope: text } },
    status: { ...free, properties: { conditions } },
  },
);
