import { parseBfdProfile } from "../api/bfd-profile.ts";
import { parseBgpPeer } from "../api/bgp-peer.ts";
import type { Peer } from "../api/config.ts";
import type { Node } from "../api/core.ts";
import { anySelectorMatches } from "../api/label-selector.ts";
import type { RawObject } from "../api/object.ts";
import { specReader } from "../api/raw-object.ts";
import { readPasswordSecret } from "../api/secret-password.ts";
import { nodesMissing } from "./node-warnings.ts";
import { profileOf, secretOf } from "./partial-config.ts";
import { type AllowedChange, nameSome, type WarningRules } from "./warning-rule.ts";

const ECHO_LIMIT = "echo packets are sent to IPv4 neighbours one hop away, and to no others";

/** What may be wrong about a BGPPeer. */
export const peerWarnings: WarningRules = {
  "profile-missing": profileMissing,
  "secret-unusable": secretUnusable,
  "no-node": ({ object, cluster }) => nodesMissing(parsedPeer(object)?.nodeSelectors ?? [], cluster.nodes),
  "router-twice": routerTwice,
  "echo-without-effect": echoWithoutEffect,
  "disable-mp-without-effect": disableMpWithoutEffect,
};

/** What may be wrong about a BFDProfile. */
export const bfdProfileWarnings: WarningRules = { "echo-without-effect": profileEchoWithoutEffect };

function parsedPeer(object: RawObject | undefined): Peer | undefined {
  return object === undefined ? undefined : parseBgpPeer(object).value;
}

function profileMissing({ object, others }: AllowedChange): readonly string[] {
  const name = object === undefined ? undefined : profileOf(object);
  if (name === undefined || others.bfdProfiles.some(({ metadata }) => metadata.name === name)) return [];
  return [`spec.bfdProfile: there is no BFDProfile "${name}": until there is, the peer is left out`];
}

function secretUnusable({ object, cluster }: AllowedChange): readonly string[] {
  const name = object === undefined ? undefined : secretOf(object);
  if (name === undefined || cluster.secrets === undefined) return [];
  const secret = cluster.secrets.find(({ metadata }) => metadata.name === name);
  const problem =
    secret === undefined
      ? `there is no Secret "${name}" in namespace ${cluster.namespace}`
      : readPasswordSecret(secret).problem;
  return problem === undefined ? [] : [`spec.passwordSecret: ${problem}: so far the peer is left out`];
}

/** Most routers keep one session with an address, and each would end the other. */
function routerTwice({ object, others, cluster }: AllowedChange): readonly string[] {
  const own = parsedPeer(object);
  if (own === undefined) return [];
  const place = placeOf(own);
  const twins = others.peers.filter((other) => {
    const peer = parsedPeer(other);
    return peer !== undefined && placeOf(peer) === place && nodesMeet(own, peer, cluster.nodes);
  });
  if (twins.length === 0) return [];
  const field = own.endpoint.type === "address" ? "spec.peerAddress" : "spec.interface";
  const names = nameSome(twins.map(({ metadata }) => `"${metadata.name}"`));
  return [`${field}: BGPPeer ${names} has a session with the same router from the same nodes: most routers keep one`];
}

/** The two ends of a session, as a router sees them. */
function placeOf({ endpoint, vrf, port, sourceAddress }: Peer): string {
  return JSON.stringify([endpoint, vrf, port, sourceAddress]);
}

function nodesMeet(a: Peer, b: Peer, nodes: readonly Node[]): boolean {
  if (nodes.length === 0) return true;
  return nodes.some(({ metadata: { labels = {} } }) =>
    [a, b].every(({ nodeSelectors }) => anySelectorMatches(nodeSelectors, labels)),
  );
}

function echoWithoutEffect({ object, others }: AllowedChange): readonly string[] {
  const peer = parsedPeer(object);
  const profile = others.bfdProfiles.find(({ metadata }) => metadata.name === peer?.bfdProfile);
  if (peer === undefined || profile === undefined || !hasEcho(profile) || takesEcho(peer)) return [];
  return [`spec.bfdProfile: BFDProfile "${profile.metadata.name}" has echoMode: ${ECHO_LIMIT}`];
}

function profileEchoWithoutEffect({ name, object, old, others }: AllowedChange): readonly string[] {
  if (object === undefined || !hasEcho(object) || (old !== undefined && hasEcho(old))) return [];
  const peers = others.peers.filter((raw) => profileOf(raw) === name && parsedPeerRefuses(raw));
  if (peers.length === 0) return [];
  const names = nameSome(peers.map(({ metadata }) => `"${metadata.name}"`));
  return [`spec.echoMode: without effect for BGPPeer ${names}: ${ECHO_LIMIT}`];
}

function parsedPeerRefuses(raw: RawObject): boolean {
  const peer = parsedPeer(raw);
  return peer !== undefined && !takesEcho(peer);
}

function hasEcho(profile: RawObject): boolean {
  return parseBfdProfile(profile).value?.echoMode === true;
}

/** An unnumbered neighbour is found under its IPv6 link-local address. */
function takesEcho({ endpoint, ebgpMultiHop }: Peer): boolean {
  return endpoint.type === "address" && endpoint.address.family === 4 && !ebgpMultiHop;
}

/** MetalLB says so as well, and then looks no further. */
function disableMpWithoutEffect({ object }: AllowedChange): readonly string[] {
  if (object === undefined || specReader(object).boolean("disableMP") !== true) return [];
  return ["spec.disableMP: deprecated, and without effect: see dualStackAddressFamily"];
}
