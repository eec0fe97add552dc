import type { ServiceKey } from "../api/config.ts";
import type { KubernetesObject } from "../api/object.ts";
import { FieldReader, Problems } from "../api/read-object.ts";
import type { KubernetesClient, Selection } from "../kubernetes/client.ts";
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
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
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
/** What decides what is assigned and announced; of these, what is in Herald's namespace. */
export const NEEDED: readonly Resource[] = [...EVERYWHERE, ...OURS];
const IN_OUR_NAMESPACE: ReadonlySet<Resource> = new Set([
  ...OURS,
  SECRETS,
  BGP_SESSION_STATES,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
]);
const DAEMON_SETS: Resource = { ...DEPLOYMENTS, plural: "daemonsets", kind: "DaemonSet" };
/** Who else is there, and what is said of sessions. */
const AROUND: readonly Resource[] = [DEPLOYMENTS, DAEMON_SETS, VALIDATING_WEBHOOK_CONFIGURATIONS];

/** Who else is there, and what speakers say: what may not be read is left out. */
export const AROUND_HERALD: readonly Resource[] = [
  ...AROUND,
  BGP_SESSION_STATES,
  SERVICE_BGP_STATUSES,
  SERVICE_L2_STATUSES,
];

const STATUSES: ReadonlySet<Resource> = new Set([SERVICE_BGP_STATUSES, SERVICE_L2_STATUSES]);

function statusLabels(service: ServiceKey): string {
  const [namespace, name] = service.split("/");
  return `metallb.io/service-namespace=${namespace},metallb.io/service-name=${name}`;
}

/** True for what is looked for in Herald's namespace alone. */
export function isOfHerald(resource: Resource): boolean {
  return IN_OUR_NAMESPACE.has(resource);
}

/** How `--selector` and a row name the same object: those in Herald's namespace go by their name. */
export function listKeyOf({ metadata: { namespace, name } }: KubernetesObject, resource: Resource): string {
  return namespace === undefined || isOfHerald(resource) ? name : `${namespace}/${name}`;
}

/** Whether it can be listed; a note where it may not be. @throws {ApiUnreachable} @throws {ApiError} where it is needed */
export async function isReadable(
  ports: { readonly client: Pick<KubernetesClient, "pages">; readonly note: ReadPorts["note"] },
  resource: Resource,
  { namespace, mayLack }: { readonly namespace: string | undefined; readonly mayLack: boolean },
): Promise<boolean> {
  const first = async (): Promise<true> => {
    for await (const _ of ports.client.pages(resource, { namespace, limit: 1 })) break;
    return true;
  };
  return mayLack ? (await unlessRefused(ports.note, resource, first)) === true : await first();
}

/** The objects that decide what is assigned and announced, as documents. @throws {ApiError} @throws {ApiUnreachable} */
export async function clusterDocuments(ports: ReadPorts, namespace: string): Promise<readonly unknown[]> {
  const needed = await Promise.all([
    ...EVERYWHERE.map((resource) => ports.client.list<unknown>(resource)),
    ...OURS.map((resource) => ports.client.list<unknown>(resource, { namespace })),
  ]);
  const documents = needed.flatMap(({ items }) => items);
  return [...documents, ...(await passwords(ports, namespace, documents))];
}

/** The same for those who have no use for passwords. @throws {ApiError} @throws {ApiUnreachable} */
export async function documentsWithoutSecrets(ports: ReadPorts, namespace: string): Promise<readonly unknown[]> {
  const lists = NEEDED.map((resource) =>
    ports.client.list<unknown>(resource, { namespace: isOfHerald(resource) ? namespace : undefined }),
  );
  return (await Promise.all(lists)).flatMap(({ items }) => items);
}

/** Secrets that stand for those the peers name. */
export function assumedSecrets(documents: readonly unknown[], namespace: string): readonly unknown[] {
  return [...new Set(documents.flatMap((document) => secretNamed(document) ?? []))].map((name) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace },
    type: "kubernetes.io/basic-auth",
    data: { password: "" },
  }));
}

/** What else can be seen, with the statuses of one Service or all; a note for each kind that may not be. @throws {ApiUnreachable} */
export async function surroundings(
  ports: ReadPorts,
  namespace: string,
  service?: ServiceKey,
): Promise<readonly unknown[]> {
  const lists = await Promise.all(
    AROUND_HERALD.map((resource) =>
      tolerant(ports, resource, {
        namespace: isOfHerald(resource) ? namespace : undefined,
        labelSelector: STATUSES.has(resource) && service !== undefined ? statusLabels(service) : undefined,
      }),
    ),
  );
  return lists.flatMap((items) => items ?? []);
}

/** The Secrets of the peers. Who may not read them takes them to be there and sound: passwords are shown to nobody anyway. */
async function passwords(
  ports: ReadPorts,
  namespace: string,
  documents: readonly unknown[],
): Promise<readonly unknown[]> {
  const assumed = assumedSecrets(documents, namespace);
  return assumed.length === 0 ? [] : ((await tolerant(ports, SECRETS, { namespace })) ?? assumed);
}

function secretNamed(document: unknown): string | undefined {
  const spec = FieldReader.of(document, "", new Problems()).object("spec");
  return spec?.object("passwordSecret")?.string("name");
}

async function tolerant(
  { client, note }: ReadPorts,
  resource: Resource,
  selection: Selection,
): Promise<readonly unknown[] | undefined> {
  return await unlessRefused(note, resource, async () => (await client.list<unknown>(resource, selection)).items);
}

/** Undefined where it may not be read, or is not there. */
async function unlessRefused<T>(
  note: ReadPorts["note"],
  resource: Resource,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 403)) throw error;
    if (error.status === 403) note(`not looked at: ${resource.plural} (${error.message})`);
    return undefined;
  }
}
