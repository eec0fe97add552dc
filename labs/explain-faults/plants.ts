import { LabCheckError } from "../runner/errors.ts";
import { at, isObject, type JsonObject, objectOf } from "../runner/json.ts";
import type { LabKind, ObjectRef } from "../runner/kube-api.ts";
import type { Plant, Stage, Undo } from "./fault.ts";

/** An object as somebody would apply it. */
export type Manifest = JsonObject & { readonly kind: LabKind; readonly metadata: JsonObject };

/** Several at once; they are undone in the opposite order. */
export function all(...plants: readonly Plant[]): Plant {
  return async (stage) => {
    const undos: Undo[] = [];
    for (const plant of plants) undos.push(await plant(stage));
    return async () => {
      for (const undo of undos.toReversed()) await undo();
    };
  };
}

/** Edits an object; the fields that it had before are put back. */
export function patched(ref: ObjectRef, patch: JsonObject): Plant {
  return async ({ lab: { api } }) => {
    const before = inverse(await api.get(ref), patch);
    await api.patch(ref, patch);
    return async () => await api.patch(ref, before);
  };
}

/** What takes a merge patch back (RFC 7386): a field that was not there is taken away by null. */
function inverse(object: unknown, patch: JsonObject): JsonObject {
  const before = Object.entries(patch).map(([key, value]) => {
    const had = at(object, key);
    return [key, isObject(value) && isObject(had) ? inverse(had, value) : (had ?? null)];
  });
  return Object.fromEntries(before);
}

/** Creates objects; they are deleted again. */
export function created(...objects: readonly Manifest[]): Plant {
  return async ({ lab: { api } }) => {
    for (const object of objects) await api.apply(object);
    return async () => {
      for (const object of objects.toReversed()) await api.delete(refOf(object));
    };
  };
}

/** Deletes an object; it is created anew. */
export function deleted(ref: ObjectRef): Plant {
  return async ({ lab: { api } }) => {
    const object = await api.get(ref);
    const { name, namespace, labels, annotations } = objectOf(at(object, "metadata"));
    const spec = at(object, "spec");
    const apiVersion = at(object, "apiVersion");
    await api.delete(ref);
    return async () =>
      await api.apply({ apiVersion, kind: ref.kind, metadata: { name, namespace, labels, annotations }, spec });
  };
}

function refOf({ kind, metadata }: Manifest): ObjectRef {
  const { name, namespace } = metadata;
  if (typeof name !== "string") throw new LabCheckError(`a ${kind} of the lab has no name`);
  return { kind, name, ...(typeof namespace === "string" ? { namespace } : {}) };
}

/** Lines for the router's BGP, and those that take them back; its sessions begin anew both times. */
export function onRouter(lines: readonly string[], undo: readonly string[]): Plant {
  return async (stage) => {
    await configureBgp(stage, lines);
    return async () => await configureBgp(stage, undo);
  };
}

/**
 * Lines for each node as a neighbour of its own: FRR 8.4 does not apply all of a peer group's to dynamic neighbours, and does not take a
 * password off a range again.
 */
export function onNeighbours(...lines: readonly string[]): Plant {
  const range = "bgp listen range 10.98.0.0/24 peer-group NODES";
  const own = (address: string): readonly string[] =>
    ["peer-group NODES", "passive", ...lines].map((line) => `neighbor ${address} ${line}`);
  return onRouter(
    [`no ${range}`, ...ADDRESSES.flatMap(own)],
    [...ADDRESSES.map((address) => `no neighbor ${address}`), range],
  );
}

/** Of the nodes. */
const ADDRESSES = ["10.98.0.11", "10.98.0.12"];

async function configureBgp({ lab }: Stage, lines: readonly string[]): Promise<void> {
  const router = lab.router("r1");
  await router.configure("router bgp 64513", ...lines);
  await router.text("clear bgp *");
}

/** What a node does with packets that come in: rules of an nftables chain. */
export function filtered(node: string, ...rules: readonly string[]): Plant {
  const lines = ["type filter hook input priority filter; policy accept;", ...rules].map((rule) => `    ${rule}`);
  const text = ["table inet fault {", "  chain in {", ...lines, "  }", "}", ""].join("\n");
  return async ({ lab }) => {
    await lab.exec(node, ["nft", "-f", "-"], text);
    return async () => void (await lab.exec(node, ["nft", "delete", "table", "inet", "fault"]));
  };
}

/** What somebody else writes into the status of an object: the fields that it had before are put back. */
export function patchedStatus(ref: ObjectRef, status: JsonObject): Plant {
  return async ({ lab: { api } }) => {
    const before = inverse(at(await api.get(ref), "status"), status);
    await api.patchStatus(ref, status);
    return async () => await api.patchStatus(ref, before);
  };
}
