import type { ReviewPorts } from "../auth/reviews.ts";
import { withMember } from "../json.ts";
import { type KubeObject, parseObject } from "../object.ts";
import type { Column, ResourceType, Strategy } from "../resource.ts";
import * as columns from "./columns.ts";
import { POLICY_ROWS } from "./policy-kinds.ts";
import { activateNamespace, convertEvent, defaultSlicePorts, foldStringData, resetPod } from "./preparation.ts";
import { reviewRows } from "./review-kinds.ts";
import { type Row, typeOf, versionOf } from "./row.ts";
import * as schemas from "./schemas.ts";
import type { ServiceStrategy } from "./service.ts";

const INVOLVED = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];
const EVENT_FIELDS = [
  ...INVOLVED.map((name) => `involvedObject.${name}`),
  "reason",
  "type",
  "source",
  "reportingComponent",
];
const GROUPED_EVENT_FIELDS = [...INVOLVED.map((name) => `regarding.${name}`), "reportingController"];
const POD_FIELDS = ["spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"];

function dropStatus(next: KubeObject, before: KubeObject | undefined): KubeObject {
  return before === undefined ? parseObject(withMember(next, "status", undefined)) : next;
}

const CORE: readonly Row[] = [
  {
    kind: "ConfigMap",
    plural: "configmaps",
    short: ["cm"],
    schema: schemas.configMap,
    columns: columns.configMapColumns,
  },
  {
    kind: "Endpoints",
    plural: "endpoints",
    short: ["ep"],
    schema: schemas.endpoints,
    columns: columns.endpointsColumns,
  },
  {
    kind: "Namespace",
    plural: "namespaces",
    short: ["ns"],
    cluster: true,
    status: true,
    selectable: ["status.phase"],
    schema: schemas.namespace,
    columns: columns.namespaceColumns,
    strategy: { prepare: activateNamespace },
  },
  {
    kind: "Node",
    plural: "nodes",
    short: ["no"],
    cluster: true,
    status: true,
    selectable: ["spec.unschedulable"],
    schema: schemas.node,
    columns: columns.nodeColumns,
  },
  {
    kind: "Pod",
    plural: "pods",
    short: ["po"],
    categories: ["all"],
    status: true,
    selectable: POD_FIELDS,
    schema: schemas.pod,
    columns: columns.podColumns,
    strategy: { prepare: resetPod },
  },
  {
    kind: "Secret",
    plural: "secrets",
    selectable: ["type"],
    schema: schemas.secret,
    columns: columns.secretColumns,
    strategy: { prepare: foldStringData },
  },
  {
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    short: ["sa"],
    schema: schemas.serviceAccount,
    columns: columns.serviceAccountColumns,
  },
];

const GROUPED: readonly Row[] = [
  {
    group: "discovery.k8s.io",
    kind: "EndpointSlice",
    plural: "endpointslices",
    counted: true,
    schema: schemas.endpointSlice,
    columns: columns.endpointSliceColumns,
    strategy: { prepare: defaultSlicePorts },
  },
  {
    group: "coordination.k8s.io",
    kind: "Lease",
    plural: "leases",
    conditional: true,
    schema: schemas.lease,
    columns: columns.leaseColumns,
  },
  {
    group: "apps",
    kind: "Deployment",
    plural: "deployments",
    short: ["deploy"],
    categories: ["all"],
    status: true,
    counted: true,
    schema: schemas.deployment,
    columns: columns.deploymentColumns,
    strategy: { prepare: dropStatus },
  },
  {
    group: "apps",
    kind: "DaemonSet",
    plural: "daemonsets",
    short: ["ds"],
    categories: ["all"],
    status: true,
    counted: true,
    schema: schemas.daemonSet,
    columns: columns.daemonSetColumns,
    strategy: { prepare: dropStatus },
  },
];

function serviceRow(strategy: ServiceStrategy): Row {
  return {
    kind: "Service",
    plural: "services",
    short: ["svc"],
    categories: ["all"],
    status: true,
    selectable: ["spec.clusterIP", "spec.type"],
    schema: schemas.service,
    columns: columns.serviceColumns,
    strategy,
  };
}

function eventType(): ResourceType {
  const core = typeOf({
    kind: "Event",
    plural: "events",
    short: ["ev"],
    selectable: [...EVENT_FIELDS, ...GROUPED_EVENT_FIELDS],
    schema: schemas.coreEvent,
    columns: columns.eventColumns,
  });
  const toCore = columns.eventColumns.map(
    (column): Column => ({ ...column, cell: (event, now) => column.cell(convertEvent(event, "v1"), now) }),
  );
  const grouped = versionOf({ group: "events.k8s.io", schema: schemas.event, columns: toCore });
  return { ...core, versions: [core.storage, grouped], convert: convertEvent };
}

/** The kind that defines kinds. */
export function definitionType(strategy: Strategy): ResourceType {
  return typeOf({
    group: "apiextensions.k8s.io",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    short: ["crd", "crds"],
    categories: ["api-extensions"],
    cluster: true,
    status: true,
    counted: true,
    conditional: true,
    schema: schemas.customResourceDefinition,
    columns: columns.definitionColumns,
    strategy,
  });
}

/** Every kind that is there without a CRD, besides the CRD itself. */
export function builtinTypes(service: ServiceStrategy, reviews: ReviewPorts): readonly ResourceType[] {
  const rows = [...CORE, serviceRow(service), ...GROUPED, ...POLICY_ROWS, ...reviewRows(reviews)];
  return [...rows.map(typeOf), eventType()];
}
