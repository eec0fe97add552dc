import type { Node, Secret, Service } from "../api/core.ts";
import type { RawObject } from "../api/object.ts";
import type { ConfigObjects } from "../api/parse-config.ts";

export type Operation = "CREATE" | "UPDATE" | "DELETE";

/** What somebody asks the API server to do. */
export interface ProposedChange {
  readonly operation: Operation;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** As it would be; none when it is deleted. */
  readonly object?: RawObject;
  /** As it is; none when it is created. */
  readonly oldObject?: RawObject;
}

/** What is in the cluster, as far as the verdict on a change depends on it. The change itself may be among it or not. */
export interface ClusterObjects extends Omit<ConfigObjects, "secrets"> {
  /** Ours: only objects in it are configuration. */
  readonly namespace: string;
  readonly nodes: readonly Node[];
  /** Those in our namespace; absent where nobody looks at them, and then nothing is said about them. */
  readonly secrets?: readonly Secret[];
  /** Absent where nobody looks at them: then nobody is warned of addresses in use. */
  readonly services?: readonly Service[];
}

/** Why a change is refused, and which field of the changed object it is about: `spec.addresses[1]`. */
export interface Cause {
  readonly field: string;
  readonly message: string;
}

/** `invalid`: the object says something that cannot be. `forbidden`: it may be valid, but not here, or not now. */
export type RefusalReason = "invalid" | "forbidden";

/** The verdict on a change. Warnings are shown to whoever made it. */
export type Admission =
  | { readonly allowed: true; readonly warnings: readonly string[] }
  | {
      readonly allowed: false;
      readonly reason: RefusalReason;
      readonly causes: readonly Cause[];
      /** The causes in one line. */
      readonly message: string;
      readonly warnings: readonly string[];
    };
