import type { Family, IpAddress } from "../../net/ip-address.ts";
import type { IpPrefix } from "../../net/ip-prefix.ts";
import { Reader } from "../../wire/reader.ts";
import {
  type Attributes,
  decodeAttributes,
  encodeAttributes,
  formatAttributes,
  type Problem,
} from "../attribute/registry.ts";
import type { CodecContext } from "../codec-context.ts";
import { decoding, InvalidNetworkFieldError, MalformedAttributeListError, NotificationError } from "../error.ts";
import { MESSAGE_TYPE } from "../iana.ts";
import { decodeNlri, encodeNlri } from "../nlri.ts";
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
}

export interface DecodedUpdate extends UpdateMessage {
  readonly verdict: Verdict;
  readonly problems: readonly Problem[];
  /** What to tell the peer, when the verdict is to reset the session. */
  readonly reset: NotificationError | undefined;
}

export function encodeUpdate(update: UpdateMessage, cx: CodecContext): Uint8Array {
  return encodeMessage(MESSAGE_TYPE.update, (w) => {
    w.lengthPrefixed16((body) => encodeNlri(body, update.withdrawn));
    w.lengthPrefixed16((body) => encodeAttributes(body, update.attributes, cx));
    encodeNlri(w, update.nlri);
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
  const withdrawn = decoding(() => decodeNlri(withdrawnField, 4), networks);
  const nlri = decoding(() => decodeNlri(r, 4), networks);
  return { withdrawn, nlri, ...decodeAttributes(attributeField, cx) };
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

function saysWhichRoutes({ nlri, attributes }: DecodedUpdate): boolean {
  return nlri.length > 0 || attributes.mpReach !== undefined;
}

/** Routes of one family, with the next hop they share. */
interface Reachable {
  readonly family: Family;
  readonly nextHop: IpAddress;
  readonly prefixes: readonly IpPrefix[];
}

/** What an UPDATE means once its verdict is applied. */
export interface RouteChange {
  readonly withdrawn: readonly IpPrefix[];
  readonly announced: readonly Reachable[];
  /** Without the routes that the multiprotocol attributes carried. */
  readonly attributes: Attributes;
  readonly endOfRib: Family | undefined;
}

/** Applies the verdict: whatever is treated as withdrawn is withdrawn, in every family. */
export function interpretUpdate(update: DecodedUpdate): RouteChange {
  const { mpReach, mpUnreach, ...attributes } = update.attributes;
  const withdrawn = [...update.withdrawn, ...(mpUnreach?.family === undefined ? [] : mpUnreach.prefixes)];
  if (update.verdict === "accept" || update.verdict === "discard-attribute") {
    return { withdrawn, announced: reachable(update), attributes, endOfRib: endOfRib(update) };
  }
  withdrawn.push(...update.nlri, ...(mpReach?.family === undefined ? [] : mpReach.prefixes));
  return { withdrawn, announced: [], attributes: {}, endOfRib: undefined };
}

function reachable({ nlri, attributes: { nextHop, mpReach } }: UpdateMessage): readonly Reachable[] {
  const groups: Reachable[] = [];
  if (nlri.length > 0 && nextHop !== undefined) groups.push({ family: 4, nextHop, prefixes: nlri });
  if (mpReach?.family !== undefined) {
    groups.push({ family: mpReach.family, nextHop: mpReach.nextHop.address, prefixes: mpReach.prefixes });
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
