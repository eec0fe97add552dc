import type { ServiceKey } from "../../api/config.ts";
import type { Manifests } from "../../api/manifests.ts";
import type { ParsedConfig } from "../../api/parse-config.ts";
import type { ServiceBgpStatus } from "../../api/service-bgp-status.ts";
import type { ServiceL2Status } from "../../api/service-l2-status.ts";
import type { RouteOutItem } from "../route-view.ts";
import type { SessionItem } from "../session-view.ts";
import type { Layer2View, MembersView, PlanItem } from "../state-view.ts";

/** What is asked. */
export interface Question {
  readonly service: ServiceKey;
  /** Why not from here? Undefined asks for any node. */
  readonly node?: string | undefined;
  /** Why not to this router? Undefined asks for any. */
  readonly peer?: string | undefined;
}

/** Everything an explanation is made from: nothing else is looked at. */
export interface ExplainFacts {
  readonly manifests: Manifests;
  readonly parsed: Pick<ParsedConfig, "config" | "invalid">;
  readonly loadBalancerClass: string | undefined;
  readonly ignoreExcludeLb: boolean;
  /** Undefined where there are only files. */
  readonly observed: Observed | undefined;
  readonly rivals: readonly Rival[];
  readonly webhook: Webhook | undefined;
}

/** What was seen in the cluster. */
export interface Observed {
  /** Nodes whose speaker answered. */
  readonly answered: ReadonlySet<string>;
  /** Why nothing is known of the others, by node. */
  readonly silent: ReadonlyMap<string, string>;
  /** Every speaker was looked for: a node that is in neither list has none. */
  readonly complete: boolean;
  readonly sessions: readonly SessionItem[];
  /** When each node said so, by its own clock. */
  readonly at?: ReadonlyMap<string, string>;
  readonly routes: readonly RouteOutItem[];
  readonly plans: readonly PlanItem[];
  readonly layer2: readonly Layer2View[];
  readonly members: readonly MembersView[];
  /** What BGPSessionStates say, for nodes that do not answer. */
  readonly sessionStates: readonly SessionStateFact[];
  /** What speakers wrote to ServiceBGPStatuses and ServiceL2Statuses, for the same nodes. */
  readonly statuses?: { readonly bgp: readonly ServiceBgpStatus[]; readonly layer2: readonly ServiceL2Status[] };
}

/** A BGPSessionState. */
export interface SessionStateFact {
  readonly name: string;
  readonly node: string;
  readonly peer: string;
  readonly state: string;
  readonly lastError: string | undefined;
}

/** Somebody else who may give addresses to the same Services or announce them. */
export interface Rival {
  readonly name: string;
  readonly change: string;
}

/** The webhook that judges changes of metallb.io objects. */
export interface Webhook {
  readonly configuration: string;
  /** `namespace/name` of the Service it is asked through. */
  readonly service: ServiceKey;
  readonly failurePolicy: string;
  /** The API server trusts somebody to be it. */
  readonly trusted: boolean;
}
