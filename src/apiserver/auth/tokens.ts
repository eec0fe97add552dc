import { createHmac, timingSafeEqual } from "node:crypto";
import { asObject, asString, asStrings, isObject } from "../json.ts";

/** A token is for the API unless it says otherwise. */
export const API_AUDIENCE = "https://kubernetes.default.svc.cluster.local";

/** An object by name, and the one that had the name at that time. */
export interface Identity {
  readonly name: string;
  readonly uid: string;
}

/** What a ServiceAccount's token says. */
export interface AccountClaims {
  readonly namespace: string;
  readonly account: Identity;
  /** The pod it was made for: it is void when the pod is gone. */
  readonly pod: Identity | undefined;
  readonly audiences: readonly string[];
  /** Seconds of Unix time. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly id: string;
}

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function signature(text: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** Makes a JSON Web Token (RFC 7519) with the members that real clusters put in. */
export function signToken(claims: AccountClaims, key: Uint8Array): string {
  const { namespace, account, pod, issuedAt } = claims;
  const payload = {
    aud: claims.audiences,
    exp: claims.expiresAt,
    iat: issuedAt,
    iss: API_AUDIENCE,
    jti: claims.id,
    "kubernetes.io": { namespace, serviceaccount: account, ...(pod === undefined ? {} : { pod }) },
    nbf: issuedAt,
    sub: `system:serviceaccount:${namespace}:${account.name}`,
  };
  const text = `${base64({ alg: "HS256", typ: "JWT" })}.${base64(payload)}`;
  return `${text}.${signature(text, key).toString("base64url")}`;
}

/** What the token says; undefined when it is not one of ours. */
export function readToken(token: string, key: Uint8Array): AccountClaims | undefined {
  const [head = "", body = "", sign = "", ...rest] = token.split(".");
  const given = Buffer.from(sign, "base64url");
  const wanted = signature(`${head}.${body}`, key);
  if (rest.length > 0 || given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  const payload: unknown = JSON.parse(Buffer.from(body, "base64url").toString());
  return parseClaims(payload);
}

function parseClaims(payload: unknown): AccountClaims | undefined {
  const claims = asObject(payload);
  const kubernetes = asObject(claims["kubernetes.io"]);
  const namespace = asString(kubernetes["namespace"]);
  const account = parseIdentity(kubernetes["serviceaccount"]);
  const { exp, iat } = claims;
  if (namespace === undefined || account === undefined || typeof exp !== "number" || typeof iat !== "number")
    return undefined;
  return {
    namespace,
    account,
    pod: parseIdentity(kubernetes["pod"]),
    audiences: asStrings(claims["aud"]),
    issuedAt: iat,
    expiresAt: exp,
    id: asString(claims["jti"]) ?? "",
  };
}

function parseIdentity(value: unknown): Identity | undefined {
  if (!isObject(value)) return undefined;
  const name = asString(value["name"]);
  const uid = asString(value["uid"]);
  return name === undefined || uid === undefined ? undefined : { name, uid };
}
