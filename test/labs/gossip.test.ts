import { expect, test } from "vitest";
import { parseClab } from "../../labs/runner/clab.ts";
import { LabConfigError } from "../../labs/runner/errors.ts";
import { gossipFlags, speakerPod } from "../../labs/runner/gossip.ts";
import { at } from "../../labs/runner/json.ts";

function speaker(rest: string): Parameters<typeof gossipFlags>[0] {
  const text = `name: lab\ntopology:\n  nodes:\n    n1:\n      kind: linux\n      labels: { herald.lab/role: speaker }\n${rest}`;
  const [node] = parseClab(text, "lab.clab.yml").nodes;
  if (node === undefined) throw new Error("no node");
  return node;
}

const GOSSIPING = speaker(`      env:
        METALLB_ML_BIND_ADDR: 10.98.0.11
        METALLB_ML_BIND_PORT: 7000
        METALLB_ML_LABELS: app=metallb,component=speaker
        METALLB_ML_SECRET_KEY_PATH: /etc/ml_secret_key
      binds: ["key:/etc/ml_secret_key:ro"]
`);

test("gossipFlags: what a container reads from its environment is said in flags, the Secret's path by what is bound there", () => {
  expect(gossipFlags(GOSSIPING, "/labs/lab").join(" ")).toBe(
    "--ml-bindaddr 10.98.0.11 --ml-bindport 7000 --ml-labels app=metallb,component=speaker --ml-secret-key-path /labs/lab/key",
  );
});

test("gossipFlags: a lab whose speakers do not gossip has none", () => {
  expect(gossipFlags(speaker(""), "/labs/lab")).toEqual([]);
  expect(speakerPod(speaker(""), "metallb-system")).toBeUndefined();
});

test("gossipFlags: a Secret that is not bound is refused", () => {
  const node = speaker("      env: { METALLB_ML_SECRET_KEY_PATH: /etc/elsewhere }\n");
  expect(() => gossipFlags(node, "/labs/lab")).toThrow(LabConfigError);
});

test("speakerPod carries the labels that the others look for", () => {
  const pod = speakerPod(GOSSIPING, "metallb-system");
  expect(at(pod, "metadata", "labels")).toEqual({ app: "metallb", component: "speaker" });
  expect(at(pod, "spec", "nodeName")).toBe("n1");
});
