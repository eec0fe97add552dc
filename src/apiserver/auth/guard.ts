import type { WallClock } from "../../system/clock.ts";
import type { Api } from "../api.ts";
import type { Route } from "../http/route.ts";
import type { KubeObject } from "../object.ts";
import { ApiError } from "../status.ts";
import { type Attributes, attributesOf, forbiddenRequest, type RequestHead } from "./attributes.ts";
import { type AuthenticatorPorts, authenticate } from "./authenticator.ts";
import { authorize, type Decision } from "./authorizer.ts";
import { type Policy, readPolicy } from "./policy.ts";
import { ADMIN, ANONYMOUS, type User } from "./user.ts";

/** A request that was let through or refused, and by what. */
export interface AuditRecord {
  readonly attributes: Attributes;
  readonly decision: Decision;
}

/** What the guard needs. */
export interface GuardPorts {
  readonly api: Api;
  readonly wallClock: WallClock;
  /** Signs ServiceAccounts' tokens. */
  readonly key: Uint8Array;
}

/** How strict the guard is. */
export interface GuardOptions {
  /** With it anybody must show a token, and who shows this one may do anything. */
  readonly adminToken: string | undefined;
  /** Whether roles count. */
  readonly enforced: boolean;
  readonly audit: ((record: AuditRecord) => void) | undefined;
}

const RBAC = "rbac.authorization.k8s.io/v1";
const KINDS = ["roles", "clusterroles", "rolebindings", "clusterrolebindings"];
const YES: Decision = { allowed: true, rule: undefined };

/** Stands before every request: who is it, and may he? */
export class Guard {
  readonly #ports: GuardPorts;
  readonly #options: GuardOptions;
  /** Read anew after any of its objects changed. */
  #policy: Policy | undefined;

  constructor(ports: GuardPorts, options: GuardOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Begins to follow the roles and bindings. */
  follow(): void {
    for (const plural of KINDS) {
      const spoken = this.#ports.api.registry.find(RBAC, plural);
      if (spoken === undefined) continue;
      this.#ports.api.collection(spoken.type).subscribe(() => {
        this.#policy = undefined;
      });
    }
  }

  /** @throws ApiError 401 when the token is not valid, 403 when no rule allows the request. */
  admit(authorization: string | undefined, route: Route, head: RequestHead): User {
    if (!this.#options.enforced && route.type === "health") return ANONYMOUS;
    const user = this.#userOf(authorization);
    const attributes = attributesOf(user, route, head);
    const decision = this.decide(attributes);
    this.#options.audit?.({ attributes, decision });
    if (!decision.allowed) throw forbiddenRequest(attributes, decision.message);
    return user;
  }

  /** What the roles say of it; without roles anything goes. */
  decide(attributes: Attributes): Decision {
    return this.#options.enforced ? authorize(attributes, this.policy) : YES;
  }

  get policy(): Policy {
    this.#policy ??= readPolicy({
      roles: this.#objects("roles"),
      clusterRoles: this.#objects("clusterroles"),
      roleBindings: this.#objects("rolebindings"),
      clusterRoleBindings: this.#objects("clusterrolebindings"),
    });
    return this.#policy;
  }

  /** What it takes to check a token that somebody asks about. */
  get authenticator(): AuthenticatorPorts {
    const { wallClock, key } = this.#ports;
    return { wallClock, key, adminToken: this.#options.adminToken, find: (...of) => this.#find(...of) };
  }

  #userOf(authorization: string | undefined): User {
    const { adminToken, enforced } = this.#options;
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined && (enforced || adminToken === undefined)) return enforced ? ANONYMOUS : ADMIN;
    const found = token === undefined ? undefined : authenticate(this.authenticator, token);
    if (found !== undefined) return found.user;
    // A server that asks nobody who he is takes whatever token a client happens to send.
    if (!enforced && adminToken === undefined) return ADMIN;
    throw new ApiError(401, "Unauthorized", "Unauthorized");
  }

  #objects(plural: string): readonly KubeObject[] {
    const spoken = this.#ports.api.registry.find(RBAC, plural);
    if (spoken === undefined) return [];
    return this.#ports.api
      .collection(spoken.type)
      .list()
      .map((entry) => entry.object);
  }

  #find(kind: "ServiceAccount" | "Pod", namespace: string, name: string): KubeObject | undefined {
    const spoken = this.#ports.api.registry.findKind("v1", kind);
    return spoken === undefined
      ? undefined
      : this.#ports.api.collection(spoken.type).get(`${namespace}/${name}`)?.object;
  }
}
