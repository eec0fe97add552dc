import { describe, expect, test } from "vitest";
import { micros, seconds } from "../../src/net/micros.ts";
import {
  type AuthorityFacts,
  type CertificateStep,
  planCertificates,
  type SecretFacts,
  type ServerFacts,
} from "../../src/webhook/certificate-plan.ts";
import { writeDelay } from "../../src/webhook/write-spacing.ts";

const DAY = 86_400_000;
const NOW = 20_000 * DAY;
const NAMES = ["svc.ns.svc"];

const authority: AuthorityFacts = { notBefore: NOW - DAY, notAfter: NOW + 3650 * DAY, canSign: true };
const server: ServerFacts = {
  notBefore: NOW - DAY,
  notAfter: NOW + 365 * DAY,
  names: NAMES,
  keyFits: true,
  issuer: "present",
};
const whole: SecretFacts = { authority, server, hasAuthorityKey: true };
const withServer = (changes: Partial<ServerFacts>): SecretFacts => ({ ...whole, server: { ...server, ...changes } });
const withAuthority = (changes: Partial<AuthorityFacts>): SecretFacts => ({
  ...whole,
  authority: { ...authority, ...changes },
});
const life = (from: number, to: number): { notBefore: number; notAfter: number } => ({
  notBefore: NOW + from * DAY,
  notAfter: NOW + to * DAY,
});

type Told = "known" | "unknown";
const ROWS: readonly (readonly [string, SecretFacts | undefined, Told, Partial<CertificateStep>])[] = [
  ["no Secret: all is made", undefined, "known", { type: "begin-anew", reason: "authority-missing" }],
  [
    "an empty or unreadable Secret: all is made",
    { authority: undefined, server: undefined, hasAuthorityKey: false },
    "known",
    { type: "begin-anew", reason: "authority-missing" },
  ],
  ["a whole Secret: served", whole, "known", { type: "serve" }],
  [
    "no key of the authority: somebody else's, never written",
    { ...whole, hasAuthorityKey: false },
    "known",
    { type: "serve-foreign", problem: undefined },
  ],
  [
    "somebody else's that ended: still not written, but said",
    { ...withServer(life(-400, -1)), hasAuthorityKey: false },
    "known",
    { type: "serve-foreign", problem: "certificate-ended" },
  ],
  [
    "a key that is of another authority, what is served is good: introduced beside it",
    withAuthority({ canSign: false }),
    "known",
    { type: "introduce-authority", reason: "authority-cannot-sign" },
  ],
  [
    "and nothing good to serve: all is made",
    { ...withAuthority({ canSign: false }), server: undefined },
    "known",
    { type: "begin-anew", reason: "authority-cannot-sign" },
  ],
  [
    "two thirds of the authority's life over",
    withAuthority(life(-2500, 1150)),
    "known",
    { type: "introduce-authority" },
  ],
  ["not yet two thirds", withAuthority(life(-2400, 1250)), "known", { type: "serve" }],
  [
    "an authority of the future: a clock was wrong",
    withAuthority(life(1, 3650)),
    "known",
    { type: "introduce-authority", reason: "authority-not-yet-valid" },
  ],
  [
    "minutes in the future: the clock of who issued it is a little ahead",
    withAuthority({ notBefore: NOW + 4 * 60_000 }),
    "known",
    { type: "serve" },
  ],
  ["no certificate", { ...whole, server: undefined }, "known", { type: "issue", reason: "certificate-missing" }],
  ["another key", withServer({ keyFits: false }), "known", { type: "issue", reason: "certificate-key-differs" }],
  [
    "a stranger's certificate",
    withServer({ issuer: "unknown" }),
    "known",
    { type: "issue", reason: "certificate-not-trusted" },
  ],
  [
    "names changed",
    withServer({ names: ["old.ns.svc"] }),
    "known",
    { type: "issue", reason: "certificate-names-differ" },
  ],
  ["more names than asked for", withServer({ names: ["more", ...NAMES] }), "known", { type: "serve" }],
  ["ended", withServer(life(-400, -1)), "known", { type: "issue", reason: "certificate-ended" }],
  ["two thirds over", withServer(life(-250, 115)), "known", { type: "issue", reason: "certificate-due" }],
  ["of the future", withServer(life(1, 300)), "known", { type: "issue", reason: "certificate-not-yet-valid" }],
  [
    "under the authority before, callers do not know the new one: goes on",
    withServer({ issuer: "former" }),
    "unknown",
    { type: "await-callers" },
  ],
  [
    "under the authority before, callers know the new one",
    withServer({ issuer: "former" }),
    "known",
    { type: "issue", reason: "authority-replaced" },
  ],
  [
    "due, but callers do not know the new authority: goes on",
    withServer({ issuer: "former", ...life(-250, 115) }),
    "unknown",
    { type: "await-callers" },
  ],
  [
    "ended, whoever knows what: there is nothing to lose",
    withServer({ issuer: "former", ...life(-400, -1) }),
    "unknown",
    { type: "issue", reason: "certificate-ended" },
  ],
];

describe("what to do with the Secret", () => {
  test.each(ROWS)("%s", (_, facts, told, step) => {
    const planned = planCertificates(facts, { now: NOW, names: NAMES, authorityIsKnown: told === "known" });
    expect(planned).toMatchObject(step);
  });

  test("is looked at again when the first of the two is due", () => {
    const step = planCertificates(whole, { now: NOW, names: NAMES, authorityIsKnown: true });
    expect(step).toEqual({ type: "serve", lookAgain: NOW - DAY + (366 * DAY * 2) / 3 });
  });
});

describe("writes", () => {
  test.each([
    ["the first", 0, 0],
    ["the fourth", 3, 0],
    ["the fifth", 4, 15],
    ["the sixth", 5, 30],
    ["the hundredth", 99, 1800],
  ])("%s of a day waits", (_, before, wait) => {
    expect(writeDelay(Array(before).fill(micros(0)), micros(0))).toBe(seconds(wait));
  });

  test("of yesterday do not count", () => {
    expect(writeDelay(Array(50).fill(micros(0)), seconds(86_400))).toBe(0);
  });
});
