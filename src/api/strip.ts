import { DEPRECATED_PREFIX, PREFERRED_PREFIX, RAISED_FOR_TERM } from "./annotations.ts";
import type {
  Endpoint,
  EndpointSlice,
  Ingress,
  IpFamilyPolicy,
  Namespace,
  Node,
  NodeCondition,
  Secret,
  Service,
  ServiceCondition,
  ServicePort,
  ServiceSpec,
} from "./core.ts";
import { defined } from "./defined.ts";
import { NODE_ANNOTATIONS } from "./node-drain.ts";
import type { ObjectMeta, RawObject } from "./object.ts";
import { FieldReader, Problems } from "./read-object.ts";
import { encodeBase64Text } from "./secret-password.ts";

/** Reads an object that nobody has checked yet down to the fields Herald uses; undefined when it has no name. */
export type Strip<T> = (raw: unknown, problems?: Problems) => T | undefined;

const FAMILY_POLICIES: readonly IpFamilyPolicy[] = ["SingleStack", "PreferDualStack", "RequireDualStack"];
const PORT = { min: 0, max: 65535 };

/** A Service with its ingress and its conditions, and of its annotations only those it can ask with. */
export const stripService: Strip<Service> = (raw, problems = new Problems()) =>
  withMeta(raw, problems, (object, metadata) => {
    const status = object.object("status");
    const balancer = status?.object("loadBalancer");
    const ingress = balancer?.has("ingress") === true ? balancer.objects("ingress").map(readIngress) : undefined;
    const conditions = (status?.objects("conditions") ?? []).flatMap(readServiceCondition);
    const kept = defined({
      loadBalancer: ingress === undefined ? undefined : { ingress },
      conditions: conditions.length === 0 ? undefined : conditions,
    });
    return {
      metadata: { ...metadata, ...defined({ annotations: annotationsWhere(object, isForServices) }) },
      spec: readServiceSpec(FieldReader.of(object.raw("spec"), "spec", problems)),
      ...(Object.keys(kept).length === 0 ? {} : { status: kept }),
    };
  });

/** A slice with its endpoints' addresses, nodes and conditions. */
export const stripEndpointSlice: Strip<EndpointSlice> = (raw, problems = new Problems()) =>
  withMeta(raw, problems, (object, metadata) => ({
    metadata,
    ...defined({ addressType: object.string("addressType") }),
    endpoints: object.objects("endpoints").map(readEndpoint),
  }));

/** A Node with its labels, conditions, and those annotations that mean something. */
export const stripNode: Strip<Node> = (raw, problems = new Problems()) =>
  withMeta(raw, problems, (object, metadata) => {
    const conditions = object.object("status")?.objects("conditions") ?? [];
    const annotations = annotationsWhere(object, (key) => NODE_ANNOTATIONS.includes(key));
    return {
      metadata: { ...metadata, ...defined({ annotations }) },
      status: { conditions: conditions.flatMap(readCondition) },
    };
  });

/** A Namespace with its labels. */
export const stripNamespace: Strip<Namespace> = (raw, problems = new Problems()) =>
  withMeta(raw, problems, (_, metadata) => ({ metadata }));

/** A Secret with its password and nothing else. What a manifest gives as plain text is encoded, as the API server does. */
export const stripSecret: Strip<Secret> = (raw, problems = new Problems()) =>
  withMeta(raw, problems, (object, metadata) => {
    const plain = object.object("stringData")?.string("password");
    const password = plain === undefined ? object.object("data")?.string("password") : encodeBase64Text(plain);
    return {
      metadata,
      ...defined({ type: object.string("type"), data: password === undefined ? undefined : { password } }),
    };
  });

/** A metallb.io object: spec and status are kept as they are, for their parsers. */
export const stripRawObject: Strip<RawObject> = (raw, problems = new Problems()) =>
  withMeta(raw, problems, (object, metadata) => ({
    ...defined({ apiVersion: object.string("apiVersion"), kind: object.string("kind") }),
    metadata,
    ...defined({ spec: object.raw("spec"), status: object.raw("status") }),
  }));

function withMeta<T>(
  raw: unknown,
  problems: Problems,
  read: (object: FieldReader, metadata: ObjectMeta) => T,
): T | undefined {
  const object = FieldReader.of(raw, "", problems);
  const metadata = readMeta(object);
  return metadata === undefined ? undefined : read(object, metadata);
}

function readMeta(object: FieldReader): ObjectMeta | undefined {
  const meta = object.object("metadata");
  const name = meta?.string("name");
  if (meta === undefined || name === undefined || name === "") {
    object.problems.add("metadata.name", "must be set");
    return undefined;
  }
  return {
    name,
    ...defined({
      namespace: meta.string("namespace"),
      uid: meta.string("uid"),
      resourceVersion: meta.string("resourceVersion"),
      generation: meta.integer("generation", { min: 0, max: Number.MAX_SAFE_INTEGER }),
      creationTimestamp: meta.string("creationTimestamp"),
      deletionTimestamp: meta.string("deletionTimestamp"),
      labels: meta.has("labels") ? meta.stringMap("labels") : undefined,
    }),
  };
}

function annotationsWhere(
  object: FieldReader,
  isWanted: (key: string) => boolean,
): Readonly<Record<string, string>> | undefined {
  const all = Object.entries(object.object("metadata")?.stringMap("annotations") ?? {});
  const wanted = all.filter(([key]) => isWanted(key));
  return wanted.length === 0 ? undefined : Object.fromEntries(wanted);
}

function isForServices(key: string): boolean {
  return key.startsWith(PREFERRED_PREFIX) || key.startsWith(DEPRECATED_PREFIX) || key === RAISED_FOR_TERM;
}

function readServiceSpec(spec: FieldReader): ServiceSpec {
  return defined({
    type: spec.string("type"),
    clusterIP: spec.string("clusterIP"),
    clusterIPs: optionalTexts(spec, "clusterIPs"),
    ipFamilies: optionalTexts(spec, "ipFamilies"),
    ipFamilyPolicy: spec.oneOf("ipFamilyPolicy", FAMILY_POLICIES),
    loadBalancerIP: spec.string("loadBalancerIP"),
    loadBalancerClass: spec.string("loadBalancerClass"),
    externalTrafficPolicy: spec.oneOf("externalTrafficPolicy", ["Cluster", "Local"]),
    selector: spec.has("selector") ? spec.stringMap("selector") : undefined,
    ports: spec.has("ports") ? spec.objects("ports").flatMap(readPort) : undefined,
  });
}

function optionalTexts(reader: FieldReader, key: string): readonly string[] | undefined {
  return reader.has(key) ? reader.strings(key).map(({ value }) => value) : undefined;
}

function readPort(reader: FieldReader): readonly ServicePort[] {
  const port = reader.integer("port", PORT);
  if (port === undefined) return [];
  return [{ port, ...defined({ name: reader.string("name"), protocol: reader.string("protocol") }) }];
}

function readIngress(reader: FieldReader): Ingress {
  const ports = reader.raw("ports");
  return defined({
    ip: reader.string("ip"),
    hostname: reader.string("hostname"),
    ipMode: reader.string("ipMode"),
    ports: Array.isArray(ports) ? (ports as readonly unknown[]) : undefined,
  });
}

function readEndpoint(reader: FieldReader): Endpoint {
  const conditions = reader.object("conditions");
  return {
    addresses: reader.strings("addresses").map(({ value }) => value),
    ...defined({
      nodeName: reader.string("nodeName"),
      conditions:
        conditions === undefined
          ? undefined
          : defined({
              ready: conditions.boolean("ready"),
              serving: conditions.boolean("serving"),
              terminating: conditions.boolean("terminating"),
            }),
    }),
  };
}

function readCondition(reader: FieldReader): readonly NodeCondition[] {
  const type = reader.string("type");
  const status = reader.string("status");
  return type === undefined || status === undefined ? [] : [{ type, status }];
}

function readServiceCondition(reader: FieldReader): readonly ServiceCondition[] {
  return readCondition(reader).map((condition) => ({
    ...condition,
    ...defined({
      reason: reader.string("reason"),
      message: reader.string("message"),
      lastTransitionTime: reader.string("lastTransitionTime"),
      observedGeneration: reader.integer("observedGeneration", { min: 0, max: Number.MAX_SAFE_INTEGER }),
    }),
  }));
}
