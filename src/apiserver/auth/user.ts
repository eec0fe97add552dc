/** Who makes a request, as the API knows him. */
export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  /** What else his credential says, as in TokenReview. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const AUTHENTICATED = "system:authenticated";
export const UNAUTHENTICATED = "system:unauthenticated";
/** Whoever is in it may do anything, whatever the roles say. */
export const MASTERS = "system:masters";

/** Whoever shows no credential. */
export const ANONYMOUS: User = { name: "system:anonymous", groups: [UNAUTHENTICATED] };

/** Whoever carries the server's own token. */
export const ADMIN: User = { name: "admin", groups: [MASTERS, AUTHENTICATED] };

/** The user name of a ServiceAccount. */
export function accountUser(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}
