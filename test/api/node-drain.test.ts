import { describe, expect, test } from "vitest";
import { drainRequest } from "../../src/api/node-drain.ts";
import { stripNode } from "../../src/api/strip.ts";
import { seconds } from "../../src/net/micros.ts";

const nodeWith = (annotations: Readonly<Record<string, string>>) => ({ metadata: { name: "n1", annotations } });
const problem = expect.stringContaining("is no duration from 0s to 1h");

describe("what the annotations of a Node ask for", () => {
  test.each<[string, Readonly<Record<string, string>>, unknown]>([
    ["nothing", {}, undefined],
    ["a wait alone, which asks for nothing", { "herald.io/drain-wait": "5s" }, undefined],
    ["an empty reason", { "herald.io/drain": "" }, { why: "", wait: undefined, problem: undefined }],
    ["a reason", { "herald.io/drain": "disk" }, { why: "disk", wait: undefined, problem: undefined }],
    ["a wait", { "herald.io/drain": "", "herald.io/drain-wait": "1m30s" }, { why: "", wait: seconds(90) }],
    ["no wait", { "herald.io/drain": "", "herald.io/drain-wait": "0" }, { wait: 0, problem: undefined }],
    ["an hour", { "herald.io/drain": "", "herald.io/drain-wait": "1h" }, { wait: seconds(3600) }],
    ...["", "5", "-1s", "1h1ns", "soon"].map((text): [string, Readonly<Record<string, string>>, unknown] => [
      `a wait of ${JSON.stringify(text)}, which is as good as none`,
      { "herald.io/drain": "", "herald.io/drain-wait": text },
      { wait: undefined, problem },
    ]),
  ])("%s", (_, annotations, want) => {
    const request = drainRequest(nodeWith(annotations));
    if (want === undefined) expect(request).toBeUndefined();
    else expect(request).toMatchObject(Object(want));
  });

  test("what every object inherits is no request", () => {
    expect(drainRequest({ metadata: { name: "n1" } })).toBeUndefined();
  });
});

test("of a Node's annotations the cache keeps these two", () => {
  const kept = { "herald.io/drain": "x", "herald.io/drain-wait": "5s" };
  const node = stripNode(nodeWith({ ...kept, "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///x" }));
  expect(node?.metadata.annotations).toEqual(kept);
  expect(stripNode(nodeWith({ other: "x" }))?.metadata).toEqual({ name: "n1" });
});
