import type { Family, IpAddress } from "../../net/ip-address.ts";
import type { IpPrefix } from "../../net/ip-prefix.ts";
import { Reader } from "../../wire/reader.ts";
import { mergeFourOctetAs } from "../attribute/four-octet-merge.ts";
import {
  type Attributes,
  type DecodedAttributes,
  decodeAttributes,
  encodeAttributes,
  formatAttributes,
  type Problem,
} from "../attribute/registry.ts";
import { type CodecContext, pathIdsToSend } from "../codec-context.ts";
import { decoding, InvalidNetworkFieldError, MalformedAttributeListError, NotificationError } from "../error.ts";
import { MESSAGE_TYPE } from "../iana.ts";
import { decodePaths, encodeNlri, type Nlri } from "../nlri.ts";
import { stronger, type Verdict } from "../verdict.ts";
import { encodeMessage } from "./header.ts";

/*
 * RFC 4271 section 4.3:
 *   withdrawn routes' length (2) | withdrawn routes | attributes' length (2) | attributes | NLRI
 */

/** An UPDATE as it is on the wire: IPv4 in the fields of the message, other families inside its attributes. */
export interface UpdateMessage {
  readonly withdrawn: readonly IpPrefix[];
  readonly attributes: Attributes;
  readonly nlri: readonly IpPrefix[];
  /** The path identifier of each, where the session has them (RFC 7911). */
  readonly withdrawnPathIds?: readonly number[];
  readonly nlriPathIds?: readonly number[];
}

export interface DecodedUpdate extends UpdateMessage {
  readonly verdict: Verdict;
  readonly problems: readonly Problem[];
  /** What to tell the peer, when the verdict is to reset the session. */
  readonly reset: NotificationError | undefined;
  /** It carried IPv4 routes on a session that has none. */
  readonly ignoresRoutes?: true;
}

export function encodeUpdate(update: UpdateMessage, cx: CodecContext): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.update, (w) => {
    w.lengthPrefixed16((body) => {
      encodeNlri(body, update.withdrawn, pathIdsToSend(update.withdrawnPathIds, 4, cx));
    });
    w.lengthPrefixed16((body) => encodeAttributes(body, update.attributes, cx));
    encodeNlri(w, update.nlri, pathIdsToSend(update.nlriPathIds, 4, cx));
  });
}

/** Never throws: what is wrong comes back as the verdict RFC 7606 asks for. */
export function decodeUpdate(body: Uint8Array, cx: CodecContext): DecodedUpdate {
  try {
    return judge(readUpdate(body, cx));
  } catch (error) {
    if (!(error instanceof NotificationError)) throw error;
    const problem: Problem = { verdict: "reset-session", message: error.message };
    return {
      withdrawn: [],
      attributes: {},
      nlri: [],
      verdict: "reset-session",
      problems: [problem],
      reset: error,
    };
  }
}

function readUpdate(body: Uint8Array, cx: CodecContext): DecodedUpdate {
  const r = new Reader(body);
  const lengths = (message: string, options: ErrorOptions) => new MalformedAttributeListError(message, options);
  const networks = (message: string, options: ErrorOptions) => new InvalidNetworkFieldError(message, options);
  const withdrawnField = decoding(() => r.window(r.u16()), lengths);
  const attributeField = decoding(() => r.bytes(r.u16()), lengths);
  const withIds = cx.addPathReceive?.includes(4) === true;
  const withdrawn = decoding(() => decodePaths(withdrawnField, 4, withIds), networks);
  const nlri = decoding(() => decodePaths(r, 4, withIds), networks);
  const decoded = decodeAttributes(attributeField, cx);
  if (cx.families?.includes(4) === false) return withoutIpv4(decoded, withdrawn, nlri);
  return {
    withdrawn: withdrawn.prefixes,
    nlri: nlri.prefixes,
    ...(withdrawn.pathIds === undefined ? {} : { withdrawnPathIds: withdrawn.pathIds }),
    ...(nlri.pathIds === undefined ? {} : { nlriPathIds: nlri.pathIds }),
    ...decoded,
  };
}

/** The fields of the message are for IPv4 alone: where the session carries none, what is in them is not looked at. */
function withoutIpv4(decoded: DecodedAttributes, withdrawn: Nlri, nlri: Nlri): DecodedUpdate {
  const count = withdrawn.prefixes.length + nlri.prefixes.length;
  if (count === 0) return { withdrawn: [], nlri: [], ...decoded };
  const problem: Problem = { verdict: "discard-attribute", message: `${count} IPv4 route(s), a family not agreed on` };
  return {
    withdrawn: [],
    nlri: [],
    ...decoded,
    verdict: stronger(decoded.verdict, problem.verdict),
    problems: [...decoded.problems, problem],
    ignoresRoutes: true,
  };
}

/** What only the whole message can show: attributes that are missing, and errors without a route to withdraw. */
function judge(update: DecodedUpdate): DecodedUpdate {
  const problems = [...update.problems, ...missing(update)];
  const verdict = problems.reduce<Verdict>((worst, problem) => stronger(worst, problem.verdict), "accept");
  if (verdict !== "treat-as-withdraw" || saysWhichRoutes(update)) return { ...update, problems, verdict };
  // RFC 7606 section 5.2: without a route in it, nobody knows what to withdraw.
  const reset = new MalformedAttributeListError(`no routes, and ${problems.map((p) => p.message).join("; ")}`);
  return { ...update, problems, verdict: "reset-session", reset };
}

/** RFC 7606 section 3 (d). */
function missing({ nlri, attributes }: DecodedUpdate): readonly Problem[] {
  const { origin, asPath, nextHop, mpReach } = attributes;
  const announces = nlri.length > 0 || mpReach?.family !== undefined;
  const absent: string[] = [];
  if (announces && origin === undefined) absent.push("origin");
  if (announces && asPath === undefined) absent.push("asPath");
  if (nlri.length > 0 && nextHop === undefined) absent.push("nextHop");
  return absent.map((name) => ({ verdict: "treat-as-withdraw", message: `${name} is missing` }));
}

function saysWhichRoutes({ nlri, attributes, ignoresRoutes }: DecodedUpdate): boolean {
  return nlri.length > 0 || attributes.mpReach !== undefined || ignoresRoutes === true;
}

/** Routes of one family, with the next hop they share. */
interface Reachable extends Nlri {
  readonly family: Family;
  readonly nextHop: IpAddress;
}

/** What an UPDATE means once its verdict is applied. */
export interface RouteChange {
  readonly withdrawn: readonly IpPrefix[];
  /** The path identifier of each, 0 where its family has none; absent where no family has any (RFC 7911). */
  readonly withdrawnPathIds?: readonly number[];
  readonly announced: readonly Reachable[];
  /** Without the routes that the multiprotocol attributes carried, and with what a two-octet peer could not say put back. */
  readonly attributes: Attributes;
  readonly endOfRib: Family | undefined;
}

/** Applies the verdict: whatever is treated as withdrawn is withdrawn, in every family. */
export function interpretUpdate(update: DecodedUpdate): RouteChange {
  const { mpReach, mpUnreach, ...attributes } = update.attributes;
  const gone: Nlri[] = [nlriOf(update.withdrawn, update.withdrawnPathIds)];
  if (mpUnreach?.family !== undefined) gone.push(mpUnreach);
  if (update.verdict === "accept" || update.verdict === "discard-attribute") {
    const merged = mergeFourOctetAs(attributes);
    return { ...withdrawal(gone), announced: reachable(update), attributes: merged, endOfRib: endOfRib(update) };
  }
  gone.push(nlriOf(update.nlri, update.nlriPathIds));
  if (mpReach?.family !== undefined) gone.push(mpReach);
  return { ...withdrawal(gone), announced: [], attributes: {}, endOfRib: undefined };
}

function nlriOf(prefixes: readonly IpPrefix[], pathIds: readonly number[] | undefined): Nlri {
  return pathIds === undefined ? { prefixes } : { prefixes, pathIds };
}

function withdrawal(gone: readonly Nlri[]): Pick<RouteChange, "withdrawn" | "withdrawnPathIds"> {
  const withdrawn = gone.flatMap(({ prefixes }) => prefixes);
  if (!gone.some(({ pathIds }) => pathIds !== undefined)) return { withdrawn };
  return { withdrawn, withdrawnPathIds: gone.flatMap(({ prefixes, pathIds }) => pathIds ?? prefixes.map(() => 0)) };
}

function reachable({ nlri, nlriPathIds, attributes: { nextHop, mpReach } }: UpdateMessage): readonly Reachable[] {
  const groups: Reachable[] = [];
  if (nlri.length > 0 && nextHop !== undefined) groups.push({ family: 4, nextHop, ...nlriOf(nlri, nlriPathIds) });
  if (mpReach?.family !== undefined) {
    const { family, prefixes, pathIds } = mpReach;
    groups.push({ family, nextHop: mpReach.nextHop.address, ...nlriOf(prefixes, pathIds) });
  }
  return groups;
}

/** RFC 4724 section 2: an UPDATE with nothing in it, or an MP_UNREACH with no routes. */
function endOfRib({ withdrawn, nlri, attributes, problems }: DecodedUpdate): Family | undefined {
  if (withdrawn.length > 0 || nlri.length > 0 || problems.length > 0) return undefined;
  const keys = Object.keys(attributes);
  if (keys.length === 0) return 4;
  const { mpUnreach } = attributes;
  if (keys.length > 1 || mpUnreach?.family === undefined || mpUnreach.prefixes.length > 0) return undefined;
  return mpUnreach.family;
}

export function formatUpdate(update: UpdateMessage): string {
  const attributes = Object.entries(formatAttributes(update.attributes)).map(([key, value]) => `${key} ${value}`);
  return `UPDATE withdrawn ${update.withdrawn.length} announced ${update.nlri.length} (${attributes.join(", ")})`;
}
