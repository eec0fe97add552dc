import { describe, expect, test } from "vitest";
import type { RawObject } from "../../src/api/object.ts";
import { type ConfigObjects, parseConfig } from "../../src/api/parse-config.ts";
import { judge } from "./crd-files.ts";
import { ROWS, type Row } from "./verdicts.ts";

const LISTS: Readonly<Record<string, Exclude<keyof ConfigObjects, "secrets">>> = {
  IPAddressPool: "pools",
  BGPPeer: "peers",
  BGPAdvertisement: "bgpAdvertisements",
  L2Advertisement: "l2Advertisements",
  Community: "communities",
  BFDProfile: "bfdProfiles",
};
const SECRET = { metadata: { name: "bgp" }, type: "kubernetes.io/basic-auth", data: { password: "c2VjcmV0" } };

function objectOf({ kind, spec, apiVersion }: Row): RawObject & { apiVersion: string; kind: string } {
  const object = { apiVersion: apiVersion ?? "metallb.io/v1beta1", kind, metadata: { name: "x", namespace: "n" } };
  return spec === undefined ? object : { ...object, spec };
}

function parse(row: Row): readonly string[] {
  const none = { pools: [], peers: [], bgpAdvertisements: [], l2Advertisements: [], communities: [], bfdProfiles: [] };
  const list = LISTS[row.kind];
  if (list === undefined) throw new Error(`no list for ${row.kind}`);
  const { invalid } = parseConfig({ ...none, secrets: [SECRET], [list]: [objectOf(row)] }, { nodes: [] });
  return invalid.map(({ message }) => message);
}

const title = (row: Row): [string, Row] => [`${row.kind} ${row.apiVersion ?? ""}: ${row.says}`, row];

test("the table is all there", () => {
  expect(ROWS.length).toBeGreaterThan(180);
});

describe("the API server and the parser agree", () => {
  test.each(ROWS.filter((row) => row.parserOnly !== true).map(title))("%s", (_, row) => {
    const [server, parser] = [judge(objectOf(row)), parse(row)];
    if (row.refusal === undefined) expect({ server, parser }).toEqual({ server: [], parser: [] });
    else {
      expect(server.join("\n")).toMatch(/./);
      expect(parser.join("\n")).toMatch(row.refusal);
    }
  });
});

describe("the parser alone refuses", () => {
  test.each(ROWS.filter((row) => row.parserOnly === true).map(title))("%s", (_, row) => {
    expect(judge(objectOf(row))).toEqual([]);
    expect(parse(row).join("\n")).toMatch(row.refusal ?? /$^/);
  });
});

describe("what may not change", () => {
  const peer = (spec: object) => ({
    apiVersion: "metallb.io/v1beta2",
    kind: "BGPPeer",
    spec: { myASN: 1, peerASN: 2, peerAddress: "192.0.2.1", ...spec },
  });
  const status = (kind: string, value: object) => ({ apiVersion: "metallb.io/v1beta1", kind, status: value });

  test.each([
    ["BGPPeer enableGracefulRestart", peer({ enableGracefulRestart: true }), peer({ enableGracefulRestart: false }), 1],
    [
      "BGPPeer enableGracefulRestart, the same",
      peer({ enableGracefulRestart: true }),
      peer({ enableGracefulRestart: true }),
      0,
    ],
    ["ServiceL2Status node", status("ServiceL2Status", { node: "a" }), status("ServiceL2Status", { node: "b" }), 1],
    [
      "ServiceL2Status name",
      status("ServiceL2Status", { serviceName: "a" }),
      status("ServiceL2Status", { serviceName: "b" }),
      1,
    ],
    [
      "ServiceBGPStatus namespace",
      status("ServiceBGPStatus", { serviceNamespace: "a" }),
      status("ServiceBGPStatus", { serviceNamespace: "b" }),
      1,
    ],
    [
      "ServiceBGPStatus peers may",
      status("ServiceBGPStatus", { peers: ["a"] }),
      status("ServiceBGPStatus", { peers: ["b"] }),
      0,
    ],
  ])("%s", (_, before, after, problems) => {
    expect(judge(after, before)).toHaveLength(problems);
  });
});
