import { beforeEach, describe, expect, test } from "vitest";
import { nodeName, serviceKey } from "../../src/api/brands.ts";
import { Layer2Memory } from "../../src/speaker/layer2-memory.ts";
import type { StatusRecord } from "../../src/speaker/service-status.ts";

const WEB = serviceKey("default", "web");
const A = "10.0.0.1";
const B = "10.0.0.2";

let addresses: readonly string[] | undefined;
let memory: Layer2Memory;

beforeEach(() => {
  addresses = [A, B];
  memory = new Layer2Memory(() => addresses);
});

function status(
  node: string,
  said: readonly string[] | undefined,
  creationTimestamp = "2026-01-01T00:00:00Z",
): StatusRecord {
  const words = { service: WEB, node: nodeName(node), names: [] };
  return { metadata: { name: `l2-${node}`, creationTimestamp }, words, addresses: said, owners: [] };
}

const known = (): readonly string[] => [A, B].filter((ip) => memory.knows(WEB, ip));

describe("which addresses a speaker has answered for", () => {
  test("none, until one says so or this one announces it", () => {
    expect(known()).toEqual([]);
    memory.announced(WEB, B);
    expect(known()).toEqual([B]);
  });

  test("those that a status names; all of the Service where a MetalLB speaker names none", () => {
    memory.put(status("b", [A]), undefined);
    expect(known()).toEqual([A]);
    memory.put(status("b", undefined), status("b", [A]));
    expect(known()).toEqual([A, B]);
  });

  test("also when the status is gone, with the node that wrote it", () => {
    memory.put(status("b", [A]), undefined);
    memory.remove(status("b", [A]));
    expect(known()).toEqual([A]);
  });

  test("no longer when the Service lost the address, was deleted, or a stranger has it", () => {
    memory.announced(WEB, A);
    memory.announced(WEB, B);
    addresses = [B];
    memory.serviceChanged(WEB);
    expect(known()).toEqual([B]);
    memory.forget(WEB, B);
    expect(known()).toEqual([]);
    memory.announced(WEB, B);
    addresses = undefined;
    memory.serviceChanged(WEB);
    expect(known()).toEqual([]);
  });

  test("not another address that the Service got while the old owner's status is still there", () => {
    memory.put(status("b", [A]), undefined);
    addresses = [B];
    memory.serviceChanged(WEB);
    memory.remove(status("b", [A]));
    expect(known()).toEqual([]);
  });
});

describe("incumbents()", () => {
  test("are the nodes of the youngest statuses: who came last has taken over", () => {
    memory.put(status("c", undefined, "2026-01-02T00:00:00Z"), undefined);
    memory.put(status("b", undefined), undefined);
    expect(memory.incumbents()).toEqual(new Map([[WEB, "c"]]));
    memory.remove(status("c", undefined));
    expect(memory.incumbents()).toEqual(new Map([[WEB, "b"]]));
    memory.remove(status("b", undefined));
    expect(memory.incumbents()).toEqual(new Map());
  });

  test("are not read from an object whose status is still to be written", () => {
    const labels = { "metallb.io/service-name": "web", "metallb.io/service-namespace": "default" };
    memory.put({ metadata: { name: "x", labels }, words: undefined, addresses: undefined, owners: [] }, undefined);
    expect(memory.incumbents()).toEqual(new Map());
  });
});
