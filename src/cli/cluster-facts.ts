import type { Command } from "commander";
import type { KubernetesObject } from "../api/object.ts";
import type { ServiceBgpStatus } from "../api/service-bgp-status.ts";
import type { ServiceL2Status } from "../api/service-l2-status.ts";
import type { ExplainFacts, SessionStateFact } from "../inspection/explain/facts.ts";
import type { Resource } from "../kubernetes/resource.ts";
import { assumedSecrets, documentsWithoutSecrets, isOfHerald, listKeyOf, surroundings } from "./cluster-documents.ts";
import { factsOf, sessionStatesOf } from "./explain-facts.ts";
import { addOutputFlags, type OutputFlags } from "./output.ts";
import type { CliPorts } from "./ports.ts";
import { statusesOf } from "./service-statuses.ts";
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

/** What there is at one moment, and what of it was asked for. */
export interface ClusterReading {
  readonly facts: ClusterFacts;
  /** `namespace/name`, or `name`, of those with the labels; undefined for all. */
  readonly selected: ReadonlySet<string> | undefined;
}

/** Adds what they take. */
export function addClusterFlags(command: Command, what: string): Command {
  const selector = command.option("-l, --selector <labels>", `only ${what} with these labels`);
  return addOutputFlags(addApiFlags(selector), ["name"]);
}

/** Reads them once. @throws {ApiError} @throws {ApiUnreachable} */
export async function withCluster<T>(
  { selector, ...flags }: ClusterFlags,
  ports: Pick<CliPorts, "stderr">,
  selectable: Resource,
  use: (reading: ClusterReading) => T,
): Promise<T> {
  const client = userClient(flags);
  const { namespace } = flags;
  try {
    const reading = { client, note: (text: string): void => ports.stderr(`note: ${text}\n`) };
    const [documents, around, selected] = await Promise.all([
      documentsWithoutSecrets(reading, namespace),
      surroundings(reading, namespace),
      selector === undefined
        ? undefined
        : client.list<KubernetesObject>(selectable, {
            namespace: isOfHerald(selectable) ? namespace : undefined,
            labelSelector: selector,
          }),
    ]);
    const facts = readingOf([...documents, ...around], namespace);
    return use({ facts, selected: selected && new Set(selected.items.map((item) => listKeyOf(item, selectable))) });
  } finally {
    client.close();
  }
}

/** What these documents come to. */
export function readingOf(documents: readonly unknown[], namespace: string): ClusterFacts {
  const said = statusesOf(documents);
  const others = documents.filter((one) => !said.objects.has(one));
  const options = { namespace, loadBalancerClass: undefined, ignoreExcludeLb: false };
  return {
    ...factsOf([[...others, ...assumedSecrets(others, namespace)]], options, undefined),
    bgp: said.bgp,
    layer2: said.layer2,
    sessions: sessionStatesOf(others),
  };
}
