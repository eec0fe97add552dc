import { execFileSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { type CertifiedKey, issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";

const OPENSSL = "openssl";
const NOW = new Date("2026-11-22T12:00:00.750Z");
const NAMES = ["metallb-webhook-service.metallb-system.svc", "localhost"];
const folder = mkdtempSync(join(tmpdir(), "herald-certificates-"));
afterAll(() => rmSync(folder, { recursive: true }));

function openssl(...args: readonly string[]): string {
  return execFileSync(OPENSSL, args, { encoding: "utf8", cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}

function hasOpenssl(): boolean {
  try {
    return openssl("version") !== "";
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

const present = hasOpenssl();

function write(pair: CertifiedKey, name: string): void {
  writeFileSync(join(folder, `${name}.crt`), pair.certificate);
  writeFileSync(join(folder, `${name}.key`), pair.key);
}

test.runIf(!present)("openssl is there", (context) => {
  if (process.env["CI"] === "true") expect.fail("CI must check certificates with openssl");
  context.skip("no openssl on this machine");
});

describe("a server certificate", () => {
  it("names what was asked for, and is signed by the authority", async () => {
    const authority = await makeAuthority({ now: NOW, name: "webhook" });
    const server = await issueServerCertificate({
      authority,
      dnsNames: NAMES,
      ipAddresses: ["127.0.0.1", "fd00::1"],
      now: NOW,
    });
    const [ca, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(server.certificate)];
    expect(leaf.verify(ca.publicKey) && leaf.checkIssued(ca)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(server.key))).toBe(true);
    expect(NAMES.map((name) => leaf.checkHost(name))).toEqual(NAMES);
    expect(leaf.checkIP("fd00::1")).toBe("fd00::1");
    expect([ca.ca, leaf.ca]).toEqual([true, false]);
  });

  it("takes names longer than a common name may be", async () => {
    const long = `${"a".repeat(63)}.${"b".repeat(63)}.svc`;
    const authority = await makeAuthority({ now: NOW, name: "webhook" });
    const { certificate } = await issueServerCertificate({ authority, dnsNames: [long], now: NOW });
    expect(new X509Certificate(certificate).checkHost(long)).toBe(long);
  });

  it("holds from an hour ago, so that a checker whose clock is behind takes it", async () => {
    const { validFrom, validTo } = new X509Certificate(
      (await makeAuthority({ now: NOW, name: "webhook", days: 1 })).certificate,
    );
    expect([validFrom, validTo]).toEqual(["Nov 22 11:00:00 2026 GMT", "Nov 23 12:00:00 2026 GMT"]);
  });

  it("has another serial number and key each time", async () => {
    const [one, two] = await Promise.all([
      makeAuthority({ now: NOW, name: "webhook" }),
      makeAuthority({ now: NOW, name: "webhook" }),
    ]);
    expect(new X509Certificate(one.certificate).serialNumber).not.toBe(
      new X509Certificate(two.certificate).serialNumber,
    );
    expect(one.key).not.toBe(two.key);
  });
});

describe.skipIf(!present)("openssl", () => {
  it.each([
    ["now", "2026-11-22T12:00:00Z"],
    ["beyond 2050, where dates are written in another form", "2051-03-01T00:00:00Z"],
  ])("accepts the chain by the strict rules: %s", async (_, at) => {
    const now = new Date(at);
    const authority = await makeAuthority({ now, name: "webhook" });
    write(authority, "ca");
    write(await issueServerCertificate({ authority, dnsNames: NAMES, now }), "tls");
    const time = String(now.getTime() / 1000 + 60);
    const args = ["-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAMES.at(0) ?? "", "-attime", time];
    expect(openssl("verify", ...args, "-CAfile", "ca.crt", "tls.crt")).toBe("tls.crt: OK\n");
  });

  it("refuses the certificate under another authority of the same name", async () => {
    const now = new Date("2026-11-22T12:00:00Z");
    const [authority, other] = [
      await makeAuthority({ now, name: "webhook" }),
      await makeAuthority({ now, name: "webhook" }),
    ];
    write(other, "ca");
    write(await issueServerCertificate({ authority, dnsNames: NAMES, now }), "tls");
    expect(() => openssl("verify", "-attime", "1795348860", "-CAfile", "ca.crt", "tls.crt")).toThrow(
      /unable to get local issuer certificate/,
    );
    // While authorities change, both are in the bundle, in either order.
    for (const bundle of [
      `${other.certificate}${authority.certificate}`,
      `${authority.certificate}${other.certificate}`,
    ]) {
      writeFileSync(join(folder, "ca.crt"), bundle);
      expect(openssl("verify", "-attime", "1795348860", "-CAfile", "ca.crt", "tls.crt")).toBe("tls.crt: OK\n");
    }
  });
});
