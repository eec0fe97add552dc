import { createPrivateKey, webcrypto } from "node:crypto";
import { provideReflectMetadata } from "./reflect-metadata.ts";

type Library = typeof import("@peculiar/x509");

/** A certificate and its private key, both as PEM text. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface AuthorityRequest {
  readonly now: Date;
  /** What the authority calls itself: its common name. */
  readonly name: string;
  /** Days until it ends; ten years. */
  readonly days?: number;
}

export interface ServerCertificateRequest {
  readonly authority: CertifiedKey;
  readonly dnsNames: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly now: Date;
  /** Days until it ends; one year. */
  readonly days?: number;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNING = { name: "ECDSA", hash: "SHA-256" } as const;
const SERIAL_OCTETS = 16;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Valid from an hour ago: the clock of who checks may be behind ours. */
const BACKDATED_MS = HOUR_MS;
const AUTHORITY_DAYS = 3650;
const SERVER_DAYS = 365;

/** Makes a certificate authority of its own. */
export async function makeAuthority({ now, name, days = AUTHORITY_DAYS }: AuthorityRequest): Promise<CertifiedKey> {
  const x509 = await library();
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serialNumber(),
      name: [{ CN: [name] }],
      ...validity(now, days),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: pemOf(certificate), key: await pemOfKey(keys.privateKey) };
}

/** Issues a certificate for a TLS server, with a key of its own. */
export async function issueServerCertificate({
  authority,
  dnsNames,
  ipAddresses = [],
  now,
  days = SERVER_DAYS,
}: ServerCertificateRequest): Promise<CertifiedKey> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await privateKeyOf(authority.key);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(),
      // Names are alternative names (RFC 6125): a common name has room for 64 characters only.
      subject: [{ CN: ["herald"] }],
      issuer: issuer.subject,
      ...validity(now, days),
      signingAlgorithm: SIGNING,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...dnsNames.map((value) => ({ type: "dns", value }) as const),
          ...ipAddresses.map((value) => ({ type: "ip", value }) as const),
        ]),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certificate: pemOf(certificate), key: await pemOfKey(keys.privateKey) };
}

/** Read when it is first needed: most commands never make a certificate. */
async function library(): Promise<Library> {
  provideReflectMetadata();
  return import("@peculiar/x509");
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets, and not to be guessed. */
function serialNumber(): string {
  const octets = Buffer.from(webcrypto.getRandomValues(new Uint8Array(SERIAL_OCTETS)));
  return `01${octets.toString("hex")}`;
}

/** RFC 5280 section 4.1.2.5: no fractions of a second. */
function validity(now: Date, days: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const whole = Math.trunc(now.getTime() / 1000) * 1000;
  return { notBefore: new Date(whole - BACKDATED_MS), notAfter: new Date(whole + days * DAY_MS) };
}

function pemOf(certificate: { toString(format: "pem"): string }): string {
  return `${certificate.toString("pem")}\n`;
}

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const octets = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = octets.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}

async function privateKeyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}
