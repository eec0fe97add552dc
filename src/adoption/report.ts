import type { Config } from "../api/config.ts";
import { type Manifests, sortManifests } from "../api/manifests.ts";
import type { RawObject } from "../api/object.ts";
import { parseConfig } from "../api/parse-config.ts";
import { isFields } from "../api/read-object.ts";
import { stripRawObject } from "../api/strip.ts";
import { type AddressRow, type AnnouncerRow, compare } from "./comparison.ts";
import { configMapFindings, configurationFindings, definitionFindings } from "./configuration.ts";
import { error, type Finding, info, warning } from "./finding.ts";
import { findInstallations, type Installation, isControllerOn, isSpeakerOn, runs } from "./installation.ts";
import { GivenObjects } from "./objects.ts";
import { ownershipFindings } from "./ownership.ts";
import { installationFindings, ownNodeSelector } from "./settings.ts";
import { besideSteps, revertSteps, type Step, switchSteps } from "./steps.ts";

/** All that `herald adopt` says. The fields, and their order, are the interface of `-o json`. */
export interface AdoptionReport {
  readonly installations: readonly InstallationRow[];
  readonly findings: readonly Finding[];
  readonly addresses: readonly AddressRow[];
  readonly announcers: readonly AnnouncerRow[];
  readonly steps: readonly Step[];
  readonly back: readonly Step[];
}

interface InstallationRow {
  readonly product: "metallb" | "herald";
  readonly namespace: string;
  readonly version: string;
  readonly mode: string;
  readonly controller: "running" | "stopped" | "absent";
  readonly speakers: "running" | "stopped" | "absent";
  readonly helmRelease: string | null;
  readonly loadBalancerClass: string;
}

/** What is being looked at, worked out once. */
export interface Scene {
  readonly objects: GivenObjects;
  readonly installations: readonly Installation[];
  /** The MetalLB that is to be replaced; undefined when there is none. */
  readonly metallb: Installation | undefined;
  /** Herald is to serve other Services than MetalLB, which stays. */
  readonly beside: boolean;
  readonly report: AdoptionReport;
}

export interface SceneOptions {
  /** Where the MetalLB is that is meant, when there are several. */
  readonly namespace: string | undefined;
  /** What Herald is going to serve; undefined takes what MetalLB serves. */
  readonly loadBalancerClass: string | undefined;
  /** What the API would not show, in its words: nobody may conclude that it is not there. */
  readonly unread?: readonly string[];
}

/** Kinds of MetalLB's group that `sortManifests` calls unknown: here they are findings or nothing. */
const NOT_CONFIGURATION: ReadonlySet<unknown> = new Set(["AddressPool"]);

/** Looks at a dump of a cluster: pure, so that a file and a live cluster give the same answer. */
export function adoptionScene(documents: readonly unknown[], options: SceneOptions): Scene {
  const objects = new GivenObjects(documents);
  const installations = findInstallations(objects);
  const candidates = installations.filter(({ product }) => product === "metallb");
  const metallb = candidates.find(
    ({ namespace }) => options.namespace === undefined || namespace === options.namespace,
  );
  const namespace = options.namespace ?? metallb?.namespace;
  const manifests = inNamespace(sortManifests(documents.flatMap(withoutForeign)), namespace);
  const { config, invalid } = parseConfig(manifests, { nodes: manifests.nodes });
  const loadBalancerClass = options.loadBalancerClass ?? metallb?.loadBalancerClass ?? "";
  const nodeSelector = metallb?.speaker === undefined ? {} : ownNodeSelector(metallb.speaker);
  const started = { loadBalancerClass, ignoreExcludeLb: metallb?.ignoreExcludeLb ?? false, nodeSelector };
  const comparison = compare(manifests, config, statusesOf(objects), started);
  const beside = metallb !== undefined && metallb.loadBalancerClass !== loadBalancerClass;
  const findings = sortFindings([
    ...(options.unread ?? []).map((what) => error("not-readable", undefined, what)),
    ...whichFindings(candidates, installations, config),
    ...(metallb === undefined || beside ? [] : ofMetallb(metallb, objects)),
    ...configurationFindings(objects, [...manifests.invalid, ...invalid]),
    ...ownershipFindings({ objects, installations, loadBalancerClass }),
    ...comparison.addresses.flatMap(addressFindings),
    ...comparison.announcers.flatMap(announcerFindings),
  ]);
  const plan = { metallb, findings, loadBalancerClass };
  const report = {
    installations: installations.map(rowOf),
    findings,
    ...comparison,
    steps: beside ? besideSteps(plan) : switchSteps(plan),
    back: beside ? [] : revertSteps(plan),
  };
  return { objects, installations, metallb, beside, report };
}

function ofMetallb(metallb: Installation, objects: GivenObjects): readonly Finding[] {
  return [
    ...installationFindings(metallb, objects),
    ...configMapFindings(metallb, objects),
    ...definitionFindings(metallb, objects),
  ];
}

function whichFindings(
  metallbs: readonly Installation[],
  all: readonly Installation[],
  config: Config,
): readonly Finding[] {
  const found: Finding[] = [];
  if (metallbs.length === 0) {
    const pools = config.pools.size === 0 ? "nor any pool" : `but ${config.pools.size} pool(s)`;
    found.push(info("metallb-not-found", undefined, `there is no MetalLB in this cluster, ${pools}`));
  }
  if (metallbs.filter(runs).length > 1) {
    const where = metallbs.map(({ namespace }) => namespace).join(", ");
    found.push(
      error(
        "several-metallbs",
        undefined,
        `MetalLB runs in ${where}: name one with --namespace, after stopping the others`,
      ),
    );
  }
  for (const { product, namespace, version, controller } of all) {
    if (product !== "herald") continue;
    found.push(info("herald-present", controller?.object, `Herald ${version} is installed in ${namespace}`));
  }
  return found;
}

function addressFindings({ service, before, after, result, reason }: AddressRow): readonly Finding[] {
  const [namespace = "", name = ""] = service.split("/");
  const about = { kind: "Service", namespace, name };
  if (result === "moves") {
    return [error("address-moves", about, `${before.join(",")} would become ${after.join(",")}: ${reason}`)];
  }
  if (result === "lost") return [error("address-lost", about, `${before.join(",")} would go: ${reason}`)];
  if (result !== "new") return [];
  return [info("address-assigned", about, `it waits for an address, and would get ${after.join(",")}`)];
}

function announcerFindings({ service, protocol, before, after, result }: AnnouncerRow): readonly Finding[] {
  if (result !== "moves") return [];
  const [namespace = "", name = ""] = service.split("/");
  const text = `${protocol}: announced from ${list(before)} now, from ${list(after)} under Herald`;
  return [warning("announcer-moves", { kind: "Service", namespace, name }, text)];
}

function list(values: readonly string[]): string {
  return values.length === 0 ? "nowhere" : values.join(", ");
}

const RANK = { error: 0, warning: 1, info: 2 } as const;

function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}

function rowOf(installation: Installation): InstallationRow {
  const { product, namespace, version, mode, controller, speaker, helmRelease, loadBalancerClass } = installation;
  return {
    product,
    namespace,
    version,
    mode: product === "herald" ? "native" : mode,
    controller: controller === undefined ? "absent" : isControllerOn(controller) ? "running" : "stopped",
    speakers: speaker === undefined ? "absent" : isSpeakerOn(speaker) ? "running" : "stopped",
    helmRelease: helmRelease ?? null,
    loadBalancerClass,
  };
}

function statusesOf(objects: GivenObjects): {
  readonly layer2: readonly RawObject[];
  readonly bgp: readonly RawObject[];
} {
  const raw = (kind: string): readonly RawObject[] =>
    objects.of(kind).flatMap((object) => stripRawObject(object.raw) ?? []);
  return { layer2: raw("ServiceL2Status"), bgp: raw("ServiceBGPStatus") };
}

/** Only MetalLB's own namespace is configuration (reference 0). */
function inNamespace(manifests: Manifests, namespace: string | undefined): Manifests {
  if (namespace === undefined) return manifests;
  const ours = (object: RawObject): boolean => (object.metadata.namespace ?? namespace) === namespace;
  return {
    ...manifests,
    pools: manifests.pools.filter(ours),
    peers: manifests.peers.filter(ours),
    bgpAdvertisements: manifests.bgpAdvertisements.filter(ours),
    l2Advertisements: manifests.l2Advertisements.filter(ours),
    communities: manifests.communities.filter(ours),
    bfdProfiles: manifests.bfdProfiles.filter(ours),
    secrets: manifests.secrets.filter((secret) => secret.metadata.namespace === namespace),
  };
}

function withoutForeign(document: unknown): readonly unknown[] {
  if (!isFields(document)) return [document];
  const { kind, items } = document;
  if (kind === "List" && Array.isArray(items)) return [{ ...document, items: items.flatMap(withoutForeign) }];
  return NOT_CONFIGURATION.has(kind) || NOT_CONFIGURATION.has(String(kind).replace(/List$/, "")) ? [] : [document];
}
