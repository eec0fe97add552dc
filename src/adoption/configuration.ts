import type { InvalidObject } from "../api/config.ts";
import { error, type Finding, info, warning } from "./finding.ts";
import { HELM_OWNER, HIDDEN_OWNER, releaseRecords } from "./helm-release.ts";
import type { Installation } from "./installation.ts";
import type { Given, GivenObjects } from "./objects.ts";

const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** What the metallb.io objects say that Herald does not take, or takes in another way. */
export function configurationFindings(objects: GivenObjects, invalid: readonly InvalidObject[]): readonly Finding[] {
  return [
    ...invalid.map(({ kind, namespace = "", name, message }) =>
      error("invalid-object", { kind, namespace, name }, `Herald would leave it out: ${message}`),
    ),
    ...oldPools(objects),
    ...objects.of("BGPPeer").flatMap(peerFindings),
    ...objects.of("BFDProfile").flatMap(profileFindings),
  ];
}

/** What MetalLB before 0.13 was configured by, and what an old chart leaves behind. */
export function configMapFindings({ namespace }: Installation, objects: GivenObjects): readonly Finding[] {
  const maps = objects.of("ConfigMap").filter((map) => map.namespace === namespace && holdsConfig(map));
  const text =
    "configures MetalLB before 0.13: neither today's MetalLB nor Herald reads it; make resources of it first";
  return maps.map((map) => error("config-map-configuration", map, text));
}

function holdsConfig({ fields }: Given): boolean {
  return /(^|\n)\s*(address-pools|peers)\s*:/.test(fields.object("data")?.string("config") ?? "");
}

function oldPools(objects: GivenObjects): readonly Finding[] {
  const text =
    "is of a kind that MetalLB 0.15 dropped and Herald does not read: make an IPAddressPool and an advertisement of it";
  return objects.of("AddressPool", "metallb.io").map((pool) => error("address-pool-kind", pool, text));
}

function peerFindings(peer: Given): readonly Finding[] {
  const spec = peer.fields.object("spec");
  const old = peer.apiVersion === "metallb.io/v1beta1" || wasWrittenAsOld(peer);
  const found: Finding[] = [];
  if (old) {
    const text = "was written as metallb.io/v1beta1: write it as v1beta2 (herald plan -f FILE shows what it comes to)";
    found.push(warning("peer-v1beta1", peer, text));
  }
  if (spec?.boolean("disableMP") === true) found.push(info("disable-mp", peer, "disableMP has no effect any more"));
  if (spec?.string("holdTime") === "0s") {
    const text =
      "holdTime is 0s, as the conversion from v1beta1 leaves it: the session has no hold timer, and a dead router is not noticed";
    found.push(warning("zero-hold-time", peer, text));
  }
  return found;
}

function wasWrittenAsOld({ annotations }: Given): boolean {
  return /"apiVersion"\s*:\s*"metallb\.io\/v1beta1"/.test(annotations[LAST_APPLIED] ?? "");
}

function profileFindings(profile: Given): readonly Finding[] {
  if (profile.fields.object("spec")?.boolean("echoMode") !== true) return [];
  const text = "echo packets are IPv4 over one hop, and their loss counts once one has come back";
  return [info("bfd-echo", profile, text)];
}

/** Definitions that MetalLB's Helm release owns: removing the release removes them, and every pool and peer with them. */
function helmOwnedDefinitions(objects: GivenObjects): readonly Given[] {
  return objects
    .of("CustomResourceDefinition")
    .filter(({ name, annotations }) => isMetallbs(name) && (annotations["meta.helm.sh/release-name"] ?? "") !== "");
}

/** The definitions of MetalLB's own group. */
export function isMetallbs(definition: string): boolean {
  return definition.endsWith(".metallb.io") && !definition.endsWith(".frrk8s.metallb.io");
}

/** Seen with Helm 4.1: `keep` counts only in the manifest of the release, not on the object in the cluster. */
export function definitionFindings(metallb: Installation, objects: GivenObjects): readonly Finding[] {
  const { helmRelease } = metallb;
  if (helmRelease === undefined) return [];
  const isRecorded = [HELM_OWNER, HIDDEN_OWNER].some((owner) => releaseRecords(metallb, objects, owner).length > 0);
  const remedy = isRecorded
    ? "--apply hides the release from Helm"
    : "No Secret and no ConfigMap of the release is to be seen: unless --apply finds one to hide, never run helm on it";
  const text = `belongs to Helm release ${helmRelease}: helm uninstall, and crds.enabled=false too, delete it with every object of its kind, whatever annotation it carries now. ${remedy}`;
  return helmOwnedDefinitions(objects).map((definition) => warning("helm-owns-definitions", definition, text));
}
