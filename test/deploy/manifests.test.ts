import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { findHelm, type Rendered } from "../support/helm.ts";
import { findKubectl } from "../support/kubectl.ts";
import { problemsOf } from "../support/kubernetes-schema.ts";

const ROOT = join(import.meta.dirname, "../..");
const helm = await findHelm();
const kubectl = await findKubectl();
if ((helm === undefined || kubectl === undefined) && process.env["CI"] === "true") {
  throw new Error("helm and kubectl are needed in CI: sh test/tooling/fetch-tools.sh");
}

describe.each(["deploy/manifests/herald.yaml", "deploy/manifests/prometheus/herald.yaml"])("%s", (path) => {
  const objects = objectsIn(readFileSync(join(ROOT, path), "utf8"));

  test("holds what the API takes whole, the namespace first", () => {
    expect(
      objects.flatMap((object) => problemsOf(object).map((problem) => `${object.metadata.name}: ${problem}`)),
    ).toEqual([]);
    expect(objects[0]).toMatchObject({
      kind: "Namespace",
      metadata: { name: "metallb-system", labels: { "pod-security.kubernetes.io/enforce": "privileged" } },
    });
    expect(objects.length).toBeGreaterThan(25);
  });

  test("nothing in it claims to be Helm's", () => {
    for (const { metadata } of objects) {
      expect(Object.keys({ ...metadata.labels, ...metadata.annotations }).join()).not.toContain("helm.sh");
      expect(metadata.labels?.["app.kubernetes.io/managed-by"]).toBeUndefined();
    }
  });
});

test.skipIf(helm === undefined)("what is kept beside the chart is what it renders (skipped without helm)", async () => {
  const { failed, output } = await run(process.execPath, ["test/tooling/manifests.mjs", "--check"]);
  expect(failed, output).toBe(false);
});

describe.skipIf(kubectl === undefined)("kustomize (skipped without kubectl)", () => {
  test.each([
    ["deploy/kustomize", "deploy/manifests/herald.yaml"],
    ["deploy/kustomize/prometheus", "deploy/manifests/prometheus/herald.yaml"],
  ])("%s builds what is in %s", async (base, manifests) => {
    const { failed, output } = await run(kubectl ?? "", ["kustomize", base]);
    expect(failed, output).toBe(false);
    const names = (text: string): readonly string[] =>
      objectsIn(text)
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`)
        .toSorted();
    expect(names(output)).toEqual(names(readFileSync(join(ROOT, manifests), "utf8")));
  });
});

function objectsIn(text: string): readonly Rendered[] {
  return parseAllDocuments(text).map((document) => document.toJS() as Rendered);
}

function run(command: string, args: readonly string[]): Promise<{ readonly failed: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: ROOT, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: stdout + (error === null ? "" : stderr) });
    });
  });
}
