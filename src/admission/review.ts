import type { RawObject } from "../api/object.ts";
import { formatProblems } from "../api/raw-object.ts";
import type { Admission, Cause, ClusterObjects, ProposedChange, RefusalReason } from "./change.ts";
import { type ConfigList, listOfKind, neighbours } from "./config-kind.ts";
import { judge } from "./judgement.ts";
import { profileOf } from "./partial-config.ts";
import { warningsOf } from "./warnings.ts";

/** So many causes say enough: an edit of a pool may break every advertisement. */
const MAX_CAUSES = 10;

/**
 * Whether a change may be made. Refused is only what breaks something that was sound, be it the object or one beside it;
 * what waits for something that is not there yet, or is legal and yet surely not meant, is allowed with a warning.
 */
export function reviewChange(change: ProposedChange, cluster: ClusterObjects): Admission {
  const list = listOfKind(change.kind);
  if (list === undefined) return allow([]);
  if (change.namespace !== cluster.namespace) return reviewForeign(change, cluster.namespace);
  if (change.operation === "DELETE") return reviewDeletion(change, list, cluster);
  return change.object === undefined ? allow([]) : reviewContent(change, change.object, list, cluster);
}

/** Nothing reads objects of other namespaces, so nothing they say is wrong. */
function reviewForeign({ operation }: ProposedChange, ours: string): Admission {
  const message = `resource must be created in ${ours} namespace`;
  if (operation === "CREATE") return refuse("forbidden", [{ field: "metadata.namespace", message }], []);
  return allow(operation === "DELETE" ? [] : [`metadata.namespace: nothing reads this object: ${message}`]);
}

function reviewDeletion(change: ProposedChange, list: ConfigList, cluster: ClusterObjects): Admission {
  const user = list === "bfdProfiles" ? userOfProfile(change.name, cluster.peers) : undefined;
  if (user !== undefined) {
    const message = `failed to delete BFDProfile ${change.name}, used by BGPPeer ${user}`;
    return refuse("forbidden", [{ field: "metadata.name", message }], []);
  }
  const others = neighbours(change, list, cluster);
  return allow(warningsOf(list, { name: change.name, object: undefined, old: change.oldObject, others, cluster }));
}

/** A peer that is being deleted itself needs its profile no more. */
function userOfProfile(name: string, peers: readonly RawObject[]): string | undefined {
  const users = peers.filter((peer) => peer.metadata.deletionTimestamp === undefined && profileOf(peer) === name);
  return users[0]?.metadata.name;
}

function reviewContent(
  change: ProposedChange,
  object: RawObject,
  list: ConfigList,
  cluster: ClusterObjects,
): Admission {
  const old = change.operation === "CREATE" ? undefined : change.oldObject;
  if (old !== undefined && sameContent(object, old)) return allow([]);
  const others = neighbours(change, list, cluster);
  const { causes, lasting } = judge({ list, object, old, others, nodes: cluster.nodes });
  const still = lasting.map((problem) => `still wrong, as before: ${formatProblems([problem])}`);
  if (causes.length > 0) return refuse("invalid", causes, still);
  return allow(still.length > 0 ? still : warningsOf(list, { name: change.name, object, old, others, cluster }));
}

/** An object that says what it said, such as one that loses its finalizer, breaks nothing. */
function sameContent(a: RawObject, b: RawObject): boolean {
  const content = ({ apiVersion, metadata: { labels = {} }, spec }: RawObject): string =>
    JSON.stringify([apiVersion, labels, spec]);
  return content(a) === content(b);
}

function allow(warnings: readonly string[]): Admission {
  return { allowed: true, warnings };
}

function refuse(reason: RefusalReason, all: readonly Cause[], warnings: readonly string[]): Admission {
  const causes = all
    .slice(0, MAX_CAUSES)
    .map(({ field, message: text }) => ({ field, message: formatProblems([{ path: "", message: text }]) }));
  const more = all.length > causes.length ? `; and ${all.length - causes.length} more` : "";
  const message = causes.map((cause) => `${cause.field}: ${cause.message}`).join("; ") + more;
  return { allowed: false, reason, causes, message, warnings };
}
