import { FieldReader, Problems } from "../api/read-object.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { ApiError } from "../kubernetes/errors.ts";
import {
  BFD_PROFILES,
  BGP_ADVERTISEMENTS,
  BGP_PEERS,
  BGP_SESSION_STATES,
  COMMUNITIES,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  IP_ADDRESS_POOLS,
  L2_ADVERTISEMENTS,
  NAMESPACES,
  NODES,
  type Resource,
  SECRETS,
  SERVICES,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../kubernetes/resource.ts";

/** How the cluster is read. */
export interface ReadPorts {
  readonly client: Pick<KubernetesClient, "list">;
  /** Told what may not be read. */
  readonly note: (text: string) => void;
}

const EVERYWHERE: readonly Resource[] = [SERVICES, ENDPOINT_SLICES, NODES, NAMESPACES];
const OURS: readonly Resource[] = [
  IP_ADDRESS_POOLS,
  BGP_PEERS,
  BGP_ADVERTISEMENTS,
  L2_ADVERTISEMENTS,
  COMMUNITIES,
  BFD_PROFILES,
];
const DAEMON_SETS: Resource = { ...DEPLOYMENTS, plural: "daemonsets", kind: "DaemonSet" };
/** Who else is there, and what is said of sessions. */
const AROUND: readonly Resource[] = [DEPLOYMENTS, DAEMON_SETS, VALIDATING_WEBHOOK_CONFIGURATIONS];

/** The objects that decide what is assigned and announced, as documents. @throws {ApiError} @throws {ApiUnreachable} */
export async function clusterDocuments(ports: ReadPorts, namespace: string): Promise<readonly unknown[]> {
  const needed = await Promise.all([
    ...EVERYWHERE.map((resource) => ports.client.list<unknown>(resource)),
    ...OURS.map((resource) => ports.client.list<unknown>(resource, { namespace })),
  ]);
  const documents = needed.flatMap(({ items }) => items);
  return [...documents, ...(await passwords(ports, namespace, documents))];
}

/** What else can be seen; a note for each kind that may not be. @throws {ApiUnreachable} */
export async function surroundings(ports: ReadPorts, namespace: string): Promise<readonly unknown[]> {
  const lists = await Promise.all([
    ...AROUND.map((resource) => tolerant(ports, resource)),
    tolerant(ports, BGP_SESSION_STATES, namespace),
  ]);
  return lists.flatMap((items) => items ?? []);
}

/** The Secrets of the peers. Who may not read them takes them to be there and sound: passwords are shown to nobody anyway. */
async function passwords(
  ports: ReadPorts,
  namespace: string,
  documents: readonly unknown[],
): Promise<readonly unknown[]> {
  const named = [...new Set(documents.flatMap((document) => secretNamed(document) ?? []))];
  if (named.length === 0) return [];
  const found = await tolerant(ports, SECRETS, namespace);
  if (found !== undefined) return found;
  return named.map((name) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    type: "kubernetes.io/basic-auth",
    data: { password: "" },
  }));
}

function secretNamed(document: unknown): string | undefined {
  const spec = FieldReader.of(document, "", new Problems()).object("spec");
  return spec?.object("passwordSecret")?.string("name");
}

async function tolerant(
  { client, note }: ReadPorts,
  resource: Resource,
  namespace?: string,
): Promise<readonly unknown[] | undefined> {
  try {
    return (await client.list<unknown>(resource, { namespace })).items;
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 403)) throw error;
    if (error.status === 403) note(`not looked at: ${resource.plural} (${error.message})`);
    return undefined;
  }
}
