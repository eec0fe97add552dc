import { describe, expect, test } from "vitest";
import { validate } from "../../src/cli/validate-report.ts";
import { bgp, lan, type Manifest, peer, pool, service } from "../inspection/explain-scene.ts";

const judged = (documents: readonly Manifest[], present: readonly Manifest[] = []): readonly (string | undefined)[][] =>
  validate({ documents, present, namespace: "metallb-system", loadBalancerClass: undefined })
    .filter(({ verdict }) => verdict !== "fine")
    .map(({ verdict, by, kind, name, field }) => [verdict, by, kind, name, field]);

const elsewhere = (object: Manifest): Manifest => ({
  ...object,
  metadata: { ...object.metadata, namespace: "default" },
});

describe("validate says what webhook, controller and speakers would say", () => {
  test.each<[string, readonly Manifest[], readonly Manifest[], readonly (readonly (string | undefined)[])[]]>([
    ["nothing of what is sound", [pool(), bgp(), peer()], [], []],
    [
      "a range that is none",
      [pool({ addresses: ["x"] })],
      [],
      [["refused", "webhook", "IPAddressPool", "main", "spec.addresses[0]"]],
    ],
    [
      "two pools of one change that overlap: the later one",
      [pool(), pool({ addresses: ["192.0.2.128/25"] }, "two"), lan()],
      [],
      [["refused", "webhook", "IPAddressPool", "two", "spec.addresses[0]"]],
    ],
    [
      "a pool that overlaps one of the cluster",
      [pool({ addresses: ["192.0.2.128/25"] }, "two")],
      [pool(), lan()],
      [["refused", "webhook", "IPAddressPool", "two", "spec.addresses[0]"]],
    ],
    ["not the pool itself, which is changed", [pool({ addresses: ["192.0.2.128/25"] })], [pool(), lan()], []],
    [
      "an object for another namespace",
      [elsewhere(pool())],
      [],
      [["refused", "webhook", "IPAddressPool", "main", "metadata.namespace"]],
    ],
    [
      "a kind that metallb.io does not have",
      [{ ...pool(), kind: "AddressPool" }],
      [],
      [["refused", "reader", "AddressPool", "main", undefined]],
    ],
  ])("%s", (_, documents, present, rows) => {
    expect(judged(documents, present)).toEqual(rows);
  });

  test("a reference that is missing is one warning, with its field: the object waits for it", () => {
    const rows = judged([bgp({ communities: ["blackhole"] })], [pool()]);
    expect(rows).toEqual([["warning", "webhook", "BGPAdvertisement", "all", "spec.communities[0]"]]);
  });

  test("a Service that would get no address", () => {
    expect(judged([service({ loadBalancerIP: "198.51.100.1" })], [pool(), lan()])).toEqual([
      ["warning", "controller", "Service", "web", undefined],
    ]);
  });

  test("what is in the cluster already and not in the files is not judged", () => {
    expect(judged([bgp()], [pool(), pool({ addresses: ["x"] }, "bad"), peer()])).toEqual([]);
  });

  test("everything else is listed as fine", () => {
    const rows = validate({
      documents: [pool(), lan()],
      present: [],
      namespace: "metallb-system",
      loadBalancerClass: undefined,
    });
    expect(rows.map(({ kind, verdict }) => [kind, verdict])).toEqual([
      ["IPAddressPool", "fine"],
      ["L2Advertisement", "fine"],
    ]);
  });
});
