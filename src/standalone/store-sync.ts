import { ALLOCATED_FROM_POOL } from "../api/annotations.ts";
import type { RawObject } from "../api/object.ts";
import type { ApiServer } from "../apiserver/server.ts";
import { attempt } from "./attempt.ts";
import { type FolderObject, identityOf, type Refused } from "./folder-object.ts";
import type { Host } from "./host.ts";
import { nodeObject } from "./node-object.ts";
import type { Remembered } from "./state-file.ts";

type Store = Pick<ApiServer["store"], "apply" | "delete" | "get">;
type Addresses = Remembered["addresses"];

/** What others need to be there before them. */
const ORDER = ["Namespace", "Node", "Secret", "Community", "BFDProfile", "IPAddressPool", "BGPPeer"];

/** Keeps the objects of the folder in an API's store: what changes in the folder changes there, and nothing else. */
export class StoreSync {
  readonly #store: Store;
  readonly #host: Host;
  #applied = new Map<string, { readonly object: FolderObject; readonly text: string }>();

  constructor(store: Store, host: Host) {
    this.#store = store;
    this.#host = host;
  }

  /** Takes the place of what was there. A Service that comes anew has the addresses that are remembered for it. */
  replace(objects: readonly FolderObject[], remembered: Addresses): readonly Refused[] {
    const next = new Map<string, { readonly object: FolderObject; readonly text: string }>();
    for (const object of this.#complete(objects)) {
      next.set(identityOf(object), { object, text: JSON.stringify(object.raw) });
    }
    for (const [key, { object }] of [...this.#applied].reverse()) if (!next.has(key)) this.#remove(object);
    const changed = [...next].filter(([key, { text }]) => this.#applied.get(key)?.text !== text);
    this.#applied = next;
    return changed.flatMap(([, { object }]) => {
      const refusal = attempt(() => this.#store.apply(this.#merged(object, remembered)));
      return refusal === undefined ? [] : [{ object, message: refusal.message }];
    });
  }

  /** With the Node and the namespaces that a cluster would have, in an order in which they can be applied. */
  #complete(objects: readonly FolderObject[]): readonly FolderObject[] {
    const given = objects.find(({ kind }) => kind === "Node");
    const node = nodeObject(this.#host, given?.raw);
    const named = new Set(objects.filter(({ kind }) => kind === "Namespace").map(({ name }) => name));
    const wanted = [this.#host.namespace, "default", ...objects.map(({ namespace }) => namespace)];
    const missing = [...new Set(wanted)].filter((name) => name !== "" && !named.has(name));
    const all = [
      ...objects.filter((object) => object !== given),
      ...missing.map((name) => {
        const file = objects.find(({ namespace }) => namespace === name)?.file ?? "--namespace";
        return made(file, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
      }),
      made("--node-name", node),
    ];
    return all.toSorted((a, b) => rankOf(a) - rankOf(b));
  }

  /** What the controller has written on a Service is not in the folder, and stays. */
  #merged({ kind, namespace, name, raw }: FolderObject, remembered: Addresses): object {
    if (kind !== "Service") return raw;
    const current = this.#store.get({ apiVersion: "v1", kind, namespace, name });
    const pool = current?.metadata.annotations?.[ALLOCATED_FROM_POOL];
    const ips = remembered[`${namespace}/${name}`] ?? [];
    const status = current?.["status"] ?? { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } };
    const annotations = { ...raw.metadata.annotations, ...(pool === undefined ? {} : { [ALLOCATED_FROM_POOL]: pool }) };
    return { ...raw, metadata: { ...raw.metadata, annotations }, status };
  }

  #remove({ kind, namespace, name, raw }: FolderObject): void {
    const place = { apiVersion: raw.apiVersion ?? "", kind, name, ...(namespace === "" ? {} : { namespace }) };
    // Somebody may have deleted it by kubectl.
    attempt(() => this.#store.delete(place));
  }
}

/** An object that nobody wrote, with what it comes of in place of a file. */
function made(file: string, raw: RawObject & { readonly kind: string }): FolderObject {
  return { file, kind: raw.kind, namespace: "", name: raw.metadata.name, raw };
}

/** Those without a rank come last, in the order of the folder. */
function rankOf({ kind }: FolderObject): number {
  const rank = ORDER.indexOf(kind);
  return rank === -1 ? ORDER.length : rank;
}
