/** From when until when a certificate holds, in milliseconds since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The authority that a Secret issues with: the first certificate of `ca.crt`. */
export interface AuthorityFacts extends Validity {
  /** It is an authority, the key fits, and we know its kind of key. */
  readonly canSign: boolean;
}

/** The certificate that a Secret serves with. */
export interface ServerFacts extends Validity {
  readonly names: readonly string[];
  readonly keyFits: boolean;
  /** Who issued it: the authority that issues now, an earlier one that is still trusted, or nobody that `ca.crt` knows. */
  readonly issuer: "present" | "former" | "unknown";
}

/** What is in a Secret. A part that is missing or no PEM is undefined. */
export interface SecretFacts {
  readonly authority: AuthorityFacts | undefined;
  readonly server: ServerFacts | undefined;
  /** Without a key of the authority the certificate is somebody else's to renew. */
  readonly hasAuthorityKey: boolean;
}

export interface CertificateContext {
  readonly now: number;
  /** The names by which the API server calls. */
  readonly names: readonly string[];
  /** Every caller has been told of the present authority. */
  readonly authorityIsKnown: boolean;
}

/** Why an authority is replaced. */
type AuthorityReason =
  | "authority-missing"
  | "authority-cannot-sign"
  | "authority-not-yet-valid"
  | "authority-ended"
  | "authority-due";

/** Why a certificate is issued. */
type ServerReason =
  | "certificate-missing"
  | "certificate-key-differs"
  | "certificate-not-trusted"
  | "certificate-names-differ"
  | "certificate-not-yet-valid"
  | "certificate-ended"
  | "certificate-due"
  | "authority-replaced";

/** What to do with a Secret. */
export type CertificateStep =
  | { readonly type: "serve"; readonly lookAgain: number }
  /** It is renewed by somebody else: never written. */
  | { readonly type: "serve-foreign"; readonly problem: ServerReason | undefined }
  /** A new authority beside the old one; what is served stays until callers know both. */
  | { readonly type: "introduce-authority"; readonly reason: AuthorityReason }
  /** Served as it is, until callers know the new authority. */
  | { readonly type: "await-callers" }
  | { readonly type: "issue"; readonly reason: ServerReason }
  /** Nothing there can be served with: all of it is made at once. */
  | { readonly type: "begin-anew"; readonly reason: AuthorityReason };

/** Renewed when this part of its life is over: months are left then for whatever hinders it. */
const RENEW_AT = 2 / 3;
/** How far the clock of whoever issued it may be ahead of ours. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Decides on a Secret; `undefined` is one that is not there. */
export function planCertificates(facts: SecretFacts | undefined, context: CertificateContext): CertificateStep {
  if (facts === undefined) return { type: "begin-anew", reason: "authority-missing" };
  const { authority, server } = facts;
  const problem = serverProblem(server, context);
  const isForeign = !facts.hasAuthorityKey && authority !== undefined && server?.keyFits === true;
  if (isForeign) return { type: "serve-foreign", problem: problem === "certificate-due" ? undefined : problem };
  const isServable = problem === undefined || problem === "certificate-due";
  const fault = authorityProblem(authority, context.now);
  if (fault !== undefined) return { type: isServable ? "introduce-authority" : "begin-anew", reason: fault };
  return planServer(facts, { ...context, problem, isServable });
}

/** From when on a certificate is renewed. */
function renewalTime({ notBefore, notAfter }: Validity): number {
  return notBefore + (notAfter - notBefore) * RENEW_AT;
}

interface ServerContext extends CertificateContext {
  readonly problem: ServerReason | undefined;
  readonly isServable: boolean;
}

function planServer({ authority, server }: SecretFacts, context: ServerContext): CertificateStep {
  const { problem, isServable } = context;
  const isFormer = server?.issuer === "former";
  if (isFormer && isServable && !context.authorityIsKnown) return { type: "await-callers" };
  if (problem !== undefined) return { type: "issue", reason: problem };
  if (isFormer) return { type: "issue", reason: "authority-replaced" };
  const times = [authority, server].map((facts) => (facts === undefined ? context.now : renewalTime(facts)));
  return { type: "serve", lookAgain: Math.min(...times) };
}

function authorityProblem(authority: AuthorityFacts | undefined, now: number): AuthorityReason | undefined {
  if (authority === undefined) return "authority-missing";
  if (!authority.canSign) return "authority-cannot-sign";
  if (authority.notBefore > now + CLOCK_SKEW_MS) return "authority-not-yet-valid";
  if (authority.notAfter <= now) return "authority-ended";
  return renewalTime(authority) <= now ? "authority-due" : undefined;
}

function serverProblem(server: ServerFacts | undefined, { now, names }: CertificateContext): ServerReason | undefined {
  if (server === undefined) return "certificate-missing";
  if (!server.keyFits) return "certificate-key-differs";
  if (server.issuer === "unknown") return "certificate-not-trusted";
  if (!names.every((name) => server.names.includes(name))) return "certificate-names-differ";
  if (server.notBefore > now + CLOCK_SKEW_MS) return "certificate-not-yet-valid";
  if (server.notAfter <= now) return "certificate-ended";
  return renewalTime(server) <= now ? "certificate-due" : undefined;
}
