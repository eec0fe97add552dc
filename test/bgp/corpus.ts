import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

// Messages of a dozen implementations, whose licences keep them out of this repository.
const FOLDER = join(import.meta.dirname, "../../../shared/corpus");

/** Whether the corpus lies beside this checkout. */
export const present = existsSync(join(FOLDER, "messages.jsonl.gz"));

/** One message, and what GoBGP (with four-octet and with two-octet AS numbers) and tshark make of it. */
export interface Entry {
  readonly hex: string;
  readonly sources: readonly string[];
  readonly gobgp_as4?: GobgpView;
  readonly gobgp_as2?: GobgpView;
  readonly tshark?: TsharkNode;
  readonly tshark_malformed?: boolean;
}

export interface GobgpView {
  readonly decoded?: { readonly Body?: GobgpBody | null };
  readonly error?: { readonly handling?: string; readonly message?: string };
  readonly roundtrip?: boolean;
}

export interface GobgpBody {
  readonly PathAttributes?: readonly GobgpAttribute[];
  readonly NLRI?: readonly GobgpNlri[] | null;
  readonly WithdrawnRoutes?: readonly GobgpNlri[] | null;
  readonly MyAS?: number;
  readonly HoldTime?: number;
  readonly ID?: string;
  readonly OptParams?: readonly { readonly Capability?: readonly GobgpCapability[] }[];
  readonly ErrorCode?: number;
  readonly ErrorSubcode?: number;
  readonly Data?: string | null;
  readonly AFI?: number;
  readonly SAFI?: number;
  readonly Demarcation?: number;
}

export interface GobgpNlri {
  readonly NLRI?: { readonly prefix?: string };
}

export interface GobgpAttribute {
  readonly type: number;
  readonly value?: unknown;
  readonly as_paths?: readonly { readonly asns: readonly number[] }[] | null;
  readonly nexthop?: string;
  readonly metric?: number;
  readonly communities?: readonly number[];
  readonly as?: number;
  readonly address?: string;
  readonly afi?: number;
  readonly safi?: number;
}

export interface GobgpCapability {
  readonly code?: number;
  readonly value?: number | string;
  readonly flags?: number;
  readonly time?: number;
  readonly tuples?:
    | readonly {
        readonly route_family?: number;
        readonly family?: number;
        readonly flags?: number;
        readonly mode?: number;
        readonly restart_time?: number;
        readonly nlri_address_family?: number;
        readonly nexthop_address_family?: number;
      }[]
    | null;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly software_version?: string;
}

export type TsharkNode = string | readonly TsharkNode[] | { readonly [name: string]: TsharkNode };

/** One message of ExaBGP's suite: what was asked of it, and the session it was meant for. */
export interface Encoding {
  readonly hex: string;
  readonly cmd?: string | null;
  readonly session: {
    readonly asn4: boolean;
    readonly add_path: string | false;
    readonly local_as: number;
    readonly peer_as: number;
  };
  readonly expect?: {
    readonly neighbor?: { readonly message?: { readonly update?: ExabgpUpdate } };
  } | null;
}

export interface ExabgpUpdate {
  readonly attribute?: Readonly<Record<string, unknown>>;
  readonly announce?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly withdraw?: Readonly<Record<string, unknown>>;
}

/** A body or a whole message of families we do not speak. */
export interface Decoding {
  readonly kind: "body" | "message";
  readonly header: string;
  readonly hex: string;
}

function lines<T>(text: string): readonly T[] {
  return text
    .trim()
    .split("\n")
    .map((line): T => JSON.parse(line));
}

export const entries: readonly Entry[] = present
  ? lines(gunzipSync(readFileSync(join(FOLDER, "messages.jsonl.gz"))).toString("utf8"))
  : [];

export const encodings: readonly Encoding[] = present
  ? lines(readFileSync(join(FOLDER, "exabgp-encoding.jsonl"), "utf8"))
  : [];

export const decodings: readonly Decoding[] = present
  ? lines(readFileSync(join(FOLDER, "exabgp-decoding.jsonl"), "utf8"))
  : [];
