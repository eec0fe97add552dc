import { beforeAll, describe, expect, test } from "vitest";
import { makeAuthority } from "../../src/system/certificates.ts";
import { planConversion, planWebhooks, readConversion, readWebhooks } from "../../src/webhook/bundle-plan.ts";

const SERVICE = { namespace: "ns", name: "svc", port: 443, convertPath: "/convert" };
const encode = (text: string): string => Buffer.from(text).toString("base64");
const client = (name: string, caBundle?: string): object => ({
  service: { namespace: "ns", name, path: "/x" },
  ...(caBundle === undefined ? {} : { caBundle: encode(caBundle) }),
});

describe("who has to be told what", () => {
  let [one, two] = ["", ""];
  beforeAll(async () => {
    const now = new Date();
    one = (await makeAuthority({ now, name: "a" })).certificate;
    two = (await makeAuthority({ now, name: "a" })).certificate;
  });

  const webhooks = (...clients: readonly object[]) => {
    const entries = clients.map((clientConfig, i) => ({ name: `w${i}`, clientConfig }));
    const read = readWebhooks({ metadata: { name: "c" }, webhooks: entries });
    return planWebhooks(read ?? expect.fail("not read"), one + two, SERVICE);
  };
  const conversion = (spec: object) => {
    const read = readConversion({ metadata: { name: "d" }, spec });
    return planConversion(read ?? expect.fail("not read"), one, SERVICE);
  };

  test("a webhook of ours without a bundle, and only that one", () => {
    const { operations, told } = webhooks(client("other"), client("svc"), client("svc", one + two));
    expect(operations).toEqual([
      { op: "test", path: "/webhooks/1/name", value: "w1" },
      { op: "add", path: "/webhooks/1/clientConfig/caBundle", value: encode(one + two) },
    ]);
    expect(told).toHaveLength(2);
  });

  test("the same authorities in another order, with comments and spaces, are the same", () => {
    expect(webhooks(client("svc", `# old\n${two}\n\n${one}`)).operations).toEqual([]);
  });

  test.each([
    ["one of them is missing", () => one],
    ["rubbish", () => "rubbish"],
    ["nothing", () => ""],
  ])("%s: told again", (_, bundle) => {
    expect(webhooks(client("svc", bundle())).operations).toHaveLength(2);
  });

  test("webhooks that are called by url, or have no client at all, are left alone", () => {
    expect(webhooks({ url: "https://x" }, {}).operations).toEqual([]);
  });

  test("a definition without conversion is given ours", () => {
    const clientConfig = {
      service: { namespace: "ns", name: "svc", port: 443, path: "/convert" },
      caBundle: encode(one),
    };
    const value = { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"], clientConfig } };
    const add = [{ op: "add", path: "/spec/conversion", value }];
    expect(conversion({ conversion: { strategy: "None" } }).operations).toEqual(add);
    expect(conversion({}).operations).toEqual(add);
  });

  test("a definition that names us gets the bundle only", () => {
    const webhook = { clientConfig: client("svc") };
    expect(conversion({ conversion: { strategy: "Webhook", webhook } }).operations).toEqual([
      { op: "test", path: "/spec/conversion/webhook/clientConfig/service/name", value: "svc" },
      { op: "add", path: "/spec/conversion/webhook/clientConfig/caBundle", value: encode(one) },
    ]);
  });

  test("a definition that is converted by somebody else is his: no war over it", () => {
    const webhook = { clientConfig: client("metallb-of-another-release") };
    expect(conversion({ conversion: { strategy: "Webhook", webhook } })).toEqual({ told: [], operations: [] });
  });
});
