import { execFile } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { isNotFound } from "../../src/kubernetes/errors.ts";
import { NODES } from "../../src/kubernetes/resource.ts";
import { dump } from "../adoption/dumps.ts";
import { install, WEBHOOKS } from "../adoption/install.ts";
import { type Cluster, startEmbedded } from "../integration/cluster.ts";
import { FakeKubelet } from "../support/fake-kubelet.ts";
import { findHelm } from "../support/helm.ts";
import { Build, type Herald } from "../support/herald.ts";
import { findKubectl } from "../support/kubectl.ts";
import { silentLog } from "../support/silent-log.ts";

const ROOT = join(import.meta.dirname, "../..");
const GUIDES = join(ROOT, "deploy/guides");
const PAGES = ["deploy/README.md", ...readdirSync(GUIDES).map((name) => `deploy/guides/${name}`)];
const REAL = "# on a real cluster";

/** A fenced block: commands, a file, or what the commands before it print. */
interface Block {
  readonly language: string;
  readonly info: string;
  readonly text: string;
}

function blocksOf(page: string): readonly Block[] {
  const found: Block[] = [];
  const fence = /^( *)```(\S*) ?(.*)\n([\s\S]*?)^\1```$/gm;
  for (const [, indent = "", language = "", info = "", text = ""] of readFileSync(join(ROOT, page), "utf8").matchAll(
    fence,
  )) {
    found.push({ language, info, text: text.replaceAll(new RegExp(`^${indent}`, "gm"), "") });
  }
  return found;
}

const ALL = PAGES.flatMap((page) => blocksOf(page).map((block) => ({ page, ...block })));

test("every block is run, or is a file or an output that is checked, or says that it needs a real cluster", () => {
  const kinds = ALL.map(({ language, info }) => (language === "yaml" ? "yaml FILE" : `${language} ${info}`.trim()));
  expect([...new Set(kinds)].sort()).toEqual(["sh", "sh real-cluster", "text", "yaml FILE"]);
  for (const { language, info, text } of ALL) {
    if (language === "yaml") expect(info).toMatch(/^[a-z-]+\.yaml$/);
    if (language === "sh") expect(text.startsWith(REAL)).toBe(info === "real-cluster");
  }
  expect(PAGES.length).toBeGreaterThanOrEqual(9);
  expect(ALL.filter(({ language, info }) => language === "sh" && info === "").length).toBeGreaterThanOrEqual(20);
});

test("links lead somewhere", () => {
  for (const page of PAGES) {
    const folder = join(ROOT, page, "..");
    for (const [, target = ""] of readFileSync(join(ROOT, page), "utf8").matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      expect(() => readdirSync(join(folder, target)), `${page}: ${target}`).not.toThrow(/ENOENT/);
    }
  }
});

const tools = { helm: await findHelm(), kubectl: await findKubectl() };
const missing = Object.entries(tools).flatMap(([name, path]) => (path === undefined ? [name] : []));
if (missing.length > 0 && process.env["CI"] === "true") {
  throw new Error(`${missing.join(" and ")} needed in CI: sh test/tooling/fetch-tools.sh`);
}

describe.skipIf(missing.length > 0)(
  "the guides, followed on the embedded API (skipped without helm and kubectl)",
  () => {
    let build: Build;
    let cluster: Cluster;
    let client: KubernetesClient;
    let folder = "";
    const started: AsyncDisposable[] = [];

    beforeAll(async () => {
      build = await Build.make();
    });
    afterAll(() => build[Symbol.dispose]());
    beforeEach(async () => {
      cluster = await startEmbedded();
      client = new KubernetesClient({ log: silentLog }, cluster.config);
      folder = mkdtempSync(join(tmpdir(), "herald-guide-"));
      for (const name of ["bin", ".kube"]) mkdirSync(join(folder, name));
      symlinkSync(cluster.kubeconfig, join(folder, ".kube/config"));
      for (const [name, path] of Object.entries(tools)) symlinkSync(path ?? "", join(folder, "bin", name));
      writeFileSync(join(folder, "bin/herald"), `#!/bin/sh\nexec ${process.execPath} ${build.file} "$@"\n`);
      chmodSync(join(folder, "bin/herald"), 0o755);
      for (const name of ["deploy", "crds"]) symlinkSync(join(ROOT, name), join(folder, name));
    });
    afterEach(async () => {
      for (const one of started.splice(0)) await one[Symbol.asyncDispose]();
      client.close();
      await cluster[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    });

    /** What each page finds when its reader begins. */
    const SCENES: Readonly<Record<string, () => Promise<void>>> = {
      "deploy/README.md": async () => {
        for (const name of ["n1", "n2"])
          await client.create(NODES, { apiVersion: "v1", kind: "Node", metadata: { name } });
        started.push(startController());
      },
      "deploy/guides/metallb.md": withMetallb,
      "deploy/guides/troubleshooting.md": withMetallb,
      "deploy/guides/cni.md": withMetallb,
    };

    async function withMetallb(): Promise<void> {
      for (const object of dump("native")) await install(client, object);
      started.push(new FakeKubelet(client));
    }

    function startController(): Herald {
      const flags = ["--namespace", "metallb-system", "--single-replica", "--port", "0", "--health-probe-port", "0"];
      return build.start(["controller", "--kubeconfig", cluster.kubeconfig, ...flags]);
    }

    test.each(PAGES)("%s", { timeout: 120_000 }, async (page) => {
      await SCENES[page]?.();
      let said = "";
      for (const { language, info, text } of blocksOf(page)) {
        if (language === "yaml") writeFileSync(join(folder, info), text);
        else if (language === "text") expectLines(said, text);
        else if (info === "") said = await sh(text);
        await nobodyBehindTheWebhook();
      }
    });

    test("every herald command that a page names is one", async () => {
      const named = new Set(
        PAGES.flatMap((page) => [
          ...readFileSync(join(ROOT, page), "utf8").matchAll(/(?:`|^ *)herald ([a-z0-9]+)/gm),
        ]).map(([, name]) => name),
      );
      const help = (await build.run(["--help"])).stdout;
      for (const name of named) expect(help).toMatch(new RegExp(`^  ${name}\\b`, "m"));
      expect(named.size).toBeGreaterThanOrEqual(6);
    });

    /** The embedded API starts no pods: whoever would answer for the chart's webhooks is not there. */
    async function nobodyBehindTheWebhook(): Promise<void> {
      await client.delete(WEBHOOKS, "metallb-webhook-configuration").catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }

    /** Runs a block as a reader would, in one shell; what fails ends it. */
    function sh(script: string): Promise<string> {
      const path = `${join(folder, "bin")}:${process.env["PATH"]}`;
      // Where kubectl looks when nobody says where: so must whoever is named beside it.
      const env = { PATH: path, HOME: folder };
      return new Promise((resolve, reject) => {
        execFile(
          "bash",
          ["-euo", "pipefail", "-c", script],
          { cwd: folder, env, timeout: 90_000 },
          (error, out, err) => {
            if (error === null) resolve(out);
            else reject(new Error(`${script}\n${out}\n${err}`));
          },
        );
      });
    }
  },
);

/** The lines are there, in this order. */
function expectLines(said: string, wanted: string): void {
  const lines = said.split("\n").map((line) => line.trimEnd());
  let from = 0;
  for (const line of wanted.trimEnd().split("\n")) {
    const at = lines.indexOf(line.trimEnd(), from);
    expect(at, `${line}\nis not in\n${said}`).toBeGreaterThanOrEqual(0);
    from = at + 1;
  }
}
