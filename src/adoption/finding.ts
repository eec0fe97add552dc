import { type Given, idOf } from "./objects.ts";

/** What `herald adopt` may have to say, one name for each thing. */
export type FindingName =
  // What stands in the way: nothing is switched while one of these holds.
  | "address-moves"
  | "address-lost"
  | "two-owners"
  | "service-claimed"
  | "several-metallbs"
  | "invalid-object"
  | "address-pool-kind"
  | "config-map-configuration"
  | "frr-configuration"
  | "not-readable"
  // What an operator has to know or to set.
  | "metallb-not-found"
  | "metallb-stopped"
  | "herald-present"
  | "rival-present"
  | "frr-raw-config"
  | "frrk8s-external"
  | "lb-class"
  | "speaker-node-selector"
  | "speaker-tolerations"
  | "speaker-affinity"
  | "ignore-exclude-lb"
  | "memberlist-secret"
  | "memberlist-disabled"
  | "flag-without-meaning"
  | "metrics-tls"
  | "frr-metrics"
  | "peer-v1beta1"
  | "bfd-echo"
  | "disable-mp"
  | "zero-hold-time"
  | "webhook-left-behind"
  | "put-back"
  | "helm-owns-definitions"
  | "address-assigned"
  | "announcer-moves";

/** `error` stands in the way, `warning` wants a decision or a value, `info` is good to know. */
type Severity = "error" | "warning" | "info";

/** One thing that was found, about one object where there is one. */
export interface Finding {
  readonly name: FindingName;
  readonly severity: Severity;
  /** `Kind namespace/name`; empty for the cluster as a whole. */
  readonly object: string;
  readonly message: string;
}

type About = Pick<Given, "kind" | "namespace" | "name">;

export function error(name: FindingName, about: About | undefined, message: string): Finding {
  return { name, severity: "error", object: textOf(about), message };
}

export function warning(name: FindingName, about: About | undefined, message: string): Finding {
  return { name, severity: "warning", object: textOf(about), message };
}

export function info(name: FindingName, about: About | undefined, message: string): Finding {
  return { name, severity: "info", object: textOf(about), message };
}

function textOf(about: About | undefined): string {
  return about === undefined ? "" : idOf(about);
}
