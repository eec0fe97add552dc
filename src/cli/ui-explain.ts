import { serviceKey } from "../api/brands.ts";
import { type Explanation, explain } from "../inspection/explain/explain.ts";
import { clusterDocuments, surroundings } from "./cluster-documents.ts";
import { factsOf } from "./explain-facts.ts";
import { observe } from "./explain-observe.ts";
import type { ReachFlags } from "./reach.ts";
import { userClient } from "./user-client.ts";

/** What is to be explained, and how the cluster is reached. */
export interface ExplainQuestion {
  readonly flags: ReachFlags & { readonly lbClass?: string };
  /** `namespace/name`. */
  readonly service: string;
  readonly node: string | undefined;
  readonly peer: string | undefined;
}

/** What `herald explain service` says; undefined where there is none of that name. @throws {ApiError} @throws {ApiUnreachable} */
export async function explainService(
  { flags, service, node, peer }: ExplainQuestion,
  signal: AbortSignal,
): Promise<Explanation | undefined> {
  const [namespace, name = ""] = service.split("/", 2);
  const key = serviceKey(namespace, name);
  const client = userClient(flags);
  try {
    const reading = { client, note: (): void => {} };
    const [documents, around] = await Promise.all([
      clusterDocuments(reading, flags.namespace),
      surroundings(reading, flags.namespace),
    ]);
    const options = { namespace: flags.namespace, loadBalancerClass: flags.lbClass, ignoreExcludeLb: false };
    const facts = factsOf([[...documents, ...around]], options, key);
    const observed = await observe(flags, { signal, stderr: () => {} }, { services: [key], around });
    return explain({ ...facts, observed }, { service: key, node, peer });
  } finally {
    client.close();
  }
}
