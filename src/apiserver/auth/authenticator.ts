import { timingSafeEqual } from "node:crypto";
import type { WallClock } from "../../system/clock.ts";
import type { KubeObject } from "../object.ts";
import { type AccountClaims, API_AUDIENCE, type Identity, readToken } from "./tokens.ts";
import { ADMIN, AUTHENTICATED, accountUser, type User } from "./user.ts";

/** What it takes to tell who carries a token. */
export interface AuthenticatorPorts {
  readonly wallClock: WallClock;
  /** A stored object of kind ServiceAccount or Pod. */
  readonly find: (kind: "ServiceAccount" | "Pod", namespace: string, name: string) => KubeObject | undefined;
  /** Signs ServiceAccounts' tokens. */
  readonly key: Uint8Array;
  /** The token of {@link ADMIN}; undefined when there is none. */
  readonly adminToken: string | undefined;
}

/** Who carries a token, and for whom of the asked audiences it was made. */
export interface Authenticated {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** Tells who carries the token; undefined when it is not valid, or not for any of these audiences. */
export function authenticate(
  ports: AuthenticatorPorts,
  token: string,
  audiences: readonly string[] = [API_AUDIENCE],
): Authenticated | undefined {
  if (ports.adminToken !== undefined && sameText(token, ports.adminToken)) return { user: ADMIN, audiences };
  const claims = readToken(token, ports.key);
  if (claims === undefined || !isCurrent(ports, claims)) return undefined;
  const common = audiences.filter((audience) => claims.audiences.includes(audience));
  return common.length === 0 ? undefined : { user: userOf(claims), audiences: common };
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

function isCurrent({ wallClock, find }: AuthenticatorPorts, claims: AccountClaims): boolean {
  const { namespace, account, pod } = claims;
  const lives = (kind: "ServiceAccount" | "Pod", { name, uid }: Identity): boolean =>
    find(kind, namespace, name)?.metadata.uid === uid;
  if (wallClock().getTime() / 1000 >= claims.expiresAt) return false;
  return lives("ServiceAccount", account) && (pod === undefined || lives("Pod", pod));
}

function userOf({ namespace, account, pod, id }: AccountClaims): User {
  const podExtra =
    pod === undefined
      ? {}
      : { "authentication.kubernetes.io/pod-name": [pod.name], "authentication.kubernetes.io/pod-uid": [pod.uid] };
  return {
    name: accountUser(namespace, account.name),
    uid: account.uid,
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, AUTHENTICATED],
    extra: { "authentication.kubernetes.io/credential-id": [`JTI=${id}`], ...podExtra },
  };
}
