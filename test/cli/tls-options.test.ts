import type { AddressInfo, Server, Socket } from "node:net";
import { type ConnectionOptions, connect, createServer } from "node:tls";
import { Command } from "commander";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { addTlsOptions, type TlsFlags, type TlsOptions, tlsOptionsOf } from "../../src/cli/tls-options.ts";
import { type CertifiedKey, issueServerCertificate, makeAuthority } from "../../src/system/certificates.ts";

function options(...args: readonly string[]): TlsOptions {
  const command = addTlsOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return tlsOptionsOf(command.parse(args, { from: "user" }).opts<TlsFlags>());
}

describe("the flags", () => {
  test.each([
    ["nothing: TLS 1.3, as MetalLB", [], { minVersion: "TLSv1.3" }],
    ["an empty value, as its chart renders none", ["--tls-min-version="], { minVersion: "TLSv1.3" }],
    ["TLS 1.2", ["--tls-min-version=VersionTLS12"], { minVersion: "TLSv1.2" }],
    [
      "suites by Go's names; those of TLS 1.3 stay, as in Go",
      ["--tls-min-version=VersionTLS12", "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
      {
        minVersion: "TLSv1.2",
        ciphers:
          "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
      },
    ],
    ["curves by number", ["--tls-curve-preferences=29, 23"], { minVersion: "TLSv1.3", ecdhCurve: "X25519:P-256" }],
  ])("%s", (_name, args, expected) => expect(options(...args)).toEqual(expected));

  test.each([
    ["suites beside TLS 1.3", ["--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], "is about TLS 1.2"],
    ["a suite that Go calls insecure", ["--tls-cipher-suites=TLS_RSA_WITH_RC4_128_SHA"], "unknown, or insecure"],
    ["OpenSSL's names", ["--tls-cipher-suites=ECDHE-RSA-AES128-GCM-SHA256"], "unknown, or insecure"],
    ["a curve by name", ["--tls-curve-preferences=X25519"], "is none of 23 P-256"],
    ["an old version", ["--tls-min-version=VersionTLS11"], "want VersionTLS12 or VersionTLS13"],
  ])("%s: refused", (_name, args, message) => expect(() => options(...args)).toThrow(message));
});

describe("what comes of them, in a handshake", () => {
  let certificate: CertifiedKey;
  let server: Server | undefined;
  beforeAll(async () => {
    const now = new Date();
    const authority = await makeAuthority({ now, name: "test" });
    certificate = await issueServerCertificate({ authority, dnsNames: ["localhost"], now });
  });
  afterEach(() => server?.close());

  /** The protocol and suite that were agreed, or the client's error. */
  async function handshake(tls: TlsOptions, client: ConnectionOptions): Promise<string> {
    const { certificate: cert, key } = certificate;
    const listening = createServer({ ...tls, cert, key }, (socket) => socket.end());
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
    const { port } = listening.address() as AddressInfo;
    return await new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...client }, () => {
        resolve(`${socket.getProtocol()} ${socket.getCipher().standardName}`);
        (socket as Socket).destroy();
      });
      socket.on("error", () => resolve("refused"));
    });
  }

  const OLD = { maxVersion: "TLSv1.2" } as const;
  const SUITE = ["--tls-min-version=VersionTLS12", "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"];

  test.each([
    ["by default, TLS 1.2 is refused", [], OLD, /^refused$/],
    ["by default, TLS 1.3 is spoken", [], {}, /^TLSv1\.3 /],
    ["with VersionTLS12, TLS 1.2 is spoken", ["--tls-min-version=VersionTLS12"], OLD, /^TLSv1\.2 /],
    ["a chosen suite is the one", SUITE, OLD, /^TLSv1\.2 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384$/],
    ["other suites are refused", SUITE, { ...OLD, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" }, /^refused$/],
    ["choosing suites takes TLS 1.3 from nobody", SUITE, {}, /^TLSv1\.3 /],
    ["a curve that was not named is refused", ["--tls-curve-preferences=24"], { ecdhCurve: "X25519" }, /^refused$/],
    ["one that was named is taken", ["--tls-curve-preferences=24"], { ecdhCurve: "P-384" }, /^TLSv1\.3 /],
  ] as const)("%s", async (_name, args, client, expected) =>
    expect(await handshake(options(...args), client)).toMatch(expected),
  );
});
