import type { Command } from "commander";
import type { RawObject } from "../api/object.ts";
import { FieldReader, isFields, Problems } from "../api/read-object.ts";
import { parseServiceBgpStatus, type ServiceBgpStatus } from "../api/service-bgp-status.ts";
import { parseServiceL2Status, type ServiceL2Status } from "../api/service-l2-status.ts";
import type { ExplainFacts, SessionStateFact } from "../inspection/explain/facts.ts";
import type { KubernetesClient } from "../kubernetes/client.ts";
import { SERVICE_BGP_STATUSES, SERVICE_L2_STATUSES } from "../kubernetes/resource.ts";
import { clusterDocuments, surroundings } from "./cluster-documents.ts";
import { factsOf, sessionStatesOf } from "./explain-facts.ts";
import { addOutputFlags, type OutputFlags } from "./output.ts";
import type { CliPorts } from "./ports.ts";
import { type ApiFlags, addApiFlags, userClient } from "./user-client.ts";

/** What commands take that list what the API has. */
export interface ClusterFlags extends ApiFlags, OutputFlags {
  readonly selector?: string;
}

/** What the API says of the objects, and of what was made of them. */
export interface ClusterFacts extends Omit<ExplainFacts, "observed"> {
  readonly bgp: readonly ServiceBgpStatus[];
  readonly layer2: readonly ServiceL2Status[];
  readonly sessions: readonly SessionStateFact[];
}

/** Adds what they take. */
export function addClusterFlags(command: Command, what: string): Command {
  return addOutputFlags(addApiFlags(command.option("-l, --selector <labels>", `only ${what} with these labels`)));
}

/** Reads them, and lets `use` ask for more with the same client. @throws {ApiError} @throws {ApiUnreachable} */
export async function withCluster<T>(
  flags: ClusterFlags,
  ports: Pick<CliPorts, "stderr">,
  use: (facts: ClusterFacts, client: KubernetesClient) => Promise<T>,
): Promise<T> {
  const client = userClient(flags);
  try {
    const reading = { client, note: (text: string): void => ports.stderr(`note: ${text}\n`) };
    const [documents, around, bgp, layer2] = await Promise.all([
      clusterDocuments(reading, flags.namespace),
      surroundings(reading, flags.namespace),
      client.list<unknown>(SERVICE_BGP_STATUSES, { namespace: flags.namespace }),
      client.list<unknown>(SERVICE_L2_STATUSES, { namespace: flags.namespace }),
    ]);
    const options = { namespace: flags.namespace, loadBalancerClass: undefined, ignoreExcludeLb: false };
    const facts = {
      ...factsOf([[...documents, ...around]], options, undefined),
      bgp: bgp.items.flatMap((item) => parseServiceBgpStatus(asObject(item)) ?? []),
      layer2: layer2.items.flatMap((item) => parseServiceL2Status(asObject(item)) ?? []),
      sessions: sessionStatesOf(around),
    };
    return await use(facts, client);
  } finally {
    client.close();
  }
}

/** Its name and status: all that is read of it. */
function asObject(item: unknown): RawObject {
  const meta = FieldReader.of(item, "", new Problems()).object("metadata");
  return { metadata: { name: meta?.string("name") ?? "" }, status: isFields(item) ? item["status"] : undefined };
}
