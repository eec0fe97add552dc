import { type Asn, asnFromNumber } from "../net/asn.ts";
import { type IpAddress, parseIpAddress } from "../net/ip-address.ts";
import { readPeerPolicy } from "./bgp-peer-policy.ts";
import { readConnectTime, readTimers } from "./bgp-peer-timers.ts";
import { peerName } from "./brands.ts";
import type { Peer, PeerEndpoint, RemoteAsn } from "./config.ts";
import { readLabelSelectors } from "./label-selector-parse.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import { type FieldReader, isFields, type ParseResult } from "./read-object.ts";

const DEFAULT_PORT = 179;

/** Parses a BGPPeer of either version. References to Secrets and BFDProfiles stay names; see resolvePeer. */
export function parseBgpPeer(object: RawObject): ParseResult<Peer> {
  const spec = specReader(convertBgpPeer(object));
  const { problems } = spec;
  const myAsn = readAsn(spec, "myASN");
  if (myAsn === undefined && !isNonZero(spec, "myASN")) problems.add("spec.myASN", "missing local ASN");
  const remote = readRemote(spec);
  const endpoint = readEndpoint(spec);
  const ebgpMultiHop = spec.boolean("ebgpMultiHop") ?? false;
  if (ebgpMultiHop && myAsn !== undefined && remote?.type === "asn" && remote.asn === myAsn) {
    problems.add("spec.ebgpMultiHop", "invalid EBGP multihop setting set for an IBGP peer");
  }
  const localAsn = readAsn(spec, "localASN");
  if (spec.raw("localASN") === 0) problems.add("spec.localASN", "must be between 1 and 4294967294, not 0");
  const fields = {
    name: peerName(object.metadata.name),
    localAsn,
    port: spec.integer("peerPort", { min: 1, max: 16384 }) ?? DEFAULT_PORT,
    sourceAddress: readSourceAddress(spec),
    ...readTimers(spec),
    connectTime: readConnectTime(spec),
    routerId: readRouterId(spec),
    nodeSelectors: readLabelSelectors(spec, "nodeSelectors"),
    ...readPassword(spec),
    bfdProfile: nonEmpty(spec.string("bfdProfile")),
    gracefulRestart: spec.boolean("enableGracefulRestart") ?? false,
    ebgpMultiHop,
    vrf: nonEmpty(spec.string("vrf")),
    ...readPeerPolicy(spec),
    dualStack: (spec.boolean("dualStackAddressFamily") ?? false) || endpoint?.type === "interface",
  };
  spec.boolean("disableMP");
  if (myAsn === undefined || remote === undefined || endpoint === undefined) return { problems: problems.list };
  return problems.resultOf({ ...fields, myAsn, remote, endpoint });
}

function convertBgpPeer(object: RawObject): RawObject {
  if (object.apiVersion !== "metallb.io/v1beta1" || !isFields(object.spec)) return object;
  return { ...object, apiVersion: "metallb.io/v1beta2", spec: specOfV1beta1(object.spec) };
}

/**
 * What a v1beta1 spec says in v1beta2, as MetalLB's conversion webhook has it. Timers that are absent become an explicit
 * 0: no hold time and no keepalives, not the engine's default. Port 0 becomes absent, which is the default port.
 */
export function specOfV1beta1(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { holdTime, keepaliveTime, peerPort, ...rest } = spec;
  const timed = { ...rest, holdTime: holdTime ?? "0s", keepaliveTime: keepaliveTime ?? "0s" };
  return peerPort === undefined || peerPort === 0 ? timed : { ...timed, peerPort };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function isNonZero(spec: FieldReader, key: string): boolean {
  return spec.has(key) && spec.raw(key) !== 0;
}

/** 0 reads as absent: it is the zero value of MetalLB's field. */
function readAsn(spec: FieldReader, key: string): Asn | undefined {
  const value = spec.integer(key, { min: 0, max: 0xffffffff });
  const asn = value === undefined ? undefined : asnFromNumber(value);
  if (value !== undefined && value !== 0 && asn === undefined)
    spec.problems.add(spec.pathOf(key), `AS ${value} is reserved (RFC 7300)`);
  return asn;
}

function readRemote(spec: FieldReader): RemoteAsn | undefined {
  const asn = readAsn(spec, "peerASN");
  const dynamic = spec.oneOf("dynamicASN", ["internal", "external"]);
  const both = isNonZero(spec, "peerASN") && spec.has("dynamicASN");
  const neither = !isNonZero(spec, "peerASN") && !spec.has("dynamicASN");
  if (both) spec.problems.add("spec.dynamicASN", "exactly one of peerASN and dynamicASN must be set: both are");
  if (neither) spec.problems.add("spec.peerASN", "missing peer ASN: exactly one of peerASN and dynamicASN must be set");
  if (dynamic !== undefined) return { type: dynamic };
  return asn === undefined ? undefined : { type: "asn", asn };
}

function readEndpoint(spec: FieldReader): PeerEndpoint | undefined {
  const text = nonEmpty(spec.string("peerAddress"));
  const name = nonEmpty(spec.string("interface"));
  const rule = "exactly one of peerAddress and interface must be set";
  if (text !== undefined && name !== undefined) spec.problems.add("spec.interface", `${rule}: both are`);
  if (text === undefined && name === undefined) {
    spec.problems.add("spec.peerAddress", `invalid BGPPeer address "": ${rule}`);
  }
  const address = readAddress(spec, { key: "peerAddress", text, refusal: "invalid BGPPeer address" });
  if (name !== undefined) return { type: "interface", name };
  return address === undefined ? undefined : { type: "address", address };
}

function readAddress(
  spec: FieldReader,
  field: { readonly key: string; readonly text: string | undefined; readonly refusal: string },
): IpAddress | undefined {
  if (field.text === undefined) return undefined;
  const address = parseIpAddress(field.text);
  if (address === undefined) spec.problems.add(spec.pathOf(field.key), `${field.refusal} "${field.text}"`);
  return address;
}

function readSourceAddress(spec: FieldReader): IpAddress | undefined {
  const text = nonEmpty(spec.string("sourceAddress"));
  return readAddress(spec, { key: "sourceAddress", text, refusal: "invalid source address" });
}

function readRouterId(spec: FieldReader): IpAddress | undefined {
  const text = nonEmpty(spec.string("routerID"));
  const address = readAddress(spec, { key: "routerID", text, refusal: "invalid router id" });
  if (address?.family !== 6) return address;
  spec.problems.add("spec.routerID", `invalid router id "${text}": must be an IPv4 address`);
  return undefined;
}

function readPassword(spec: FieldReader): Pick<Peer, "password" | "passwordSecret"> {
  const password = nonEmpty(spec.string("password"));
  const secret = spec.object("passwordSecret");
  const passwordSecret = nonEmpty(secret?.string("name"));
  secret?.string("namespace");
  if (password !== undefined && passwordSecret !== undefined) {
    spec.problems.add("spec.passwordSecret", "can not have both password and secret ref set");
  }
  return { password, passwordSecret };
}
