import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { AuthorityFacts, SecretFacts, ServerFacts, Validity } from "./certificate-plan.ts";
import type { CertificateTexts } from "./certificate-secret.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Looks at what a Secret holds; what cannot be read is absent. */
export function readFacts(texts: CertificateTexts, now: number): SecretFacts {
  const authorities = certificatesOf(texts.authorities);
  const [present, ...former] = authorities;
  return {
    authority: present === undefined ? undefined : authorityFacts(present, texts.authorityKey),
    server: serverFacts(texts, {
      present: present !== undefined && holds(validityOf(present), now) ? present : undefined,
      former: former.filter((other) => holds(validityOf(other), now)),
    }),
    hasAuthorityKey: texts.authorityKey !== "",
  };
}

/** The certificate that a bundle begins with. */
export function firstCertificate(bundle: string): string {
  return certificatesOf(bundle)[0]?.toString() ?? "";
}

/** Whether two bundles trust the same authorities: order and white space mean nothing. */
export function sameBundle(a: string, b: string): boolean {
  const [one, two] = [prints(a), prints(b)];
  return one.size === two.size && [...one].every((print) => two.has(print));
}

/** Whether a bundle trusts all that another one does. */
export function trustsAll(bundle: string, wanted: string): boolean {
  const known = prints(bundle);
  return [...prints(wanted)].every((print) => known.has(print));
}

/** How the authorities that must still be trusted are told from strangers. */
interface FormerSource {
  /** What the Secret trusts. */
  readonly stored: string;
  /** What callers were told, by us or by whoever was here before: of these only our own count. */
  readonly told: readonly string[];
  readonly name: string;
  readonly now: number;
}

const FORMER_KEPT = 3;

/** The authorities that certificates may still be served under when a new one comes, as a bundle. */
export function formerAuthorities({ stored, told, name, now }: FormerSource): string {
  const own = told.flatMap(certificatesOf).filter(({ subject }) => subject === `CN=${name}`);
  const kept = new Map<string, X509Certificate>();
  for (const certificate of [...certificatesOf(stored), ...own]) {
    if (certificate.ca && holds(validityOf(certificate), now)) kept.set(certificate.fingerprint256, certificate);
  }
  return [...kept.values()].slice(0, FORMER_KEPT).map(String).join("");
}

function prints(bundle: string): ReadonlySet<string> {
  return new Set(certificatesOf(bundle).map((certificate) => certificate.fingerprint256));
}

function certificatesOf(bundle: string): readonly X509Certificate[] {
  return (bundle.match(CERTIFICATE) ?? []).map(parseCertificate).filter((found) => found !== undefined);
}

interface Issuers {
  readonly present: X509Certificate | undefined;
  readonly former: readonly X509Certificate[];
}

function authorityFacts(certificate: X509Certificate, keyText: string): AuthorityFacts {
  const key = parseKey(keyText);
  const isOurKind = key?.asymmetricKeyDetails?.namedCurve === "prime256v1";
  const canSign = certificate.ca && isOurKind && certificate.checkPrivateKey(key);
  return { ...validityOf(certificate), canSign };
}

function serverFacts({ certificate: text, key: keyText }: CertificateTexts, issuers: Issuers): ServerFacts | undefined {
  const [certificate] = certificatesOf(text);
  if (certificate === undefined) return undefined;
  const key = parseKey(keyText);
  return {
    ...validityOf(certificate),
    names: namesOf(certificate),
    keyFits: key !== undefined && certificate.checkPrivateKey(key),
    issuer: issuerOf(certificate, issuers),
  };
}

function issuerOf(certificate: X509Certificate, { present, former }: Issuers): ServerFacts["issuer"] {
  const issued = (authority: X509Certificate): boolean =>
    certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  if (present !== undefined && issued(present)) return "present";
  return former.some(issued) ? "former" : "unknown";
}

function namesOf(certificate: X509Certificate): readonly string[] {
  const names = (certificate.subjectAltName ?? "").split(", ");
  return names.flatMap((name) => (name.startsWith("DNS:") ? [name.slice("DNS:".length)] : []));
}

function validityOf(certificate: X509Certificate): Validity {
  return { notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) };
}

function holds({ notAfter }: Validity, now: number): boolean {
  return notAfter > now;
}

function parseCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch (error) {
    if (isCryptoError(error)) return undefined;
    throw error;
  }
}

function parseKey(text: string): KeyObject | undefined {
  if (text === "") return undefined;
  try {
    return createPrivateKey(text);
  } catch (error) {
    if (isCryptoError(error)) return undefined;
    throw error;
  }
}

/** Complaints about what was given to read. */
function isCryptoError(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && /^ERR_(?:OSSL|CRYPTO|MISSING_PASSPHRASE)/.test(String(error.code))
  );
}
