import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { bundle } from "../bgp/bundle.ts";
import { Probe } from "../bgp/probe.ts";

export const READERS = ["herald", "client-node"] as const;

export interface ReaderFigures {
  readonly objects: number;
  readonly ms: number;
  readonly cpu: number;
  readonly peak: number;
  readonly rss: number;
}

/** What a process that only reads takes to have all Services, EndpointSlices and Nodes. */
export async function measureReader(kind: (typeof READERS)[number], kubeconfig: string): Promise<ReaderFigures> {
  const folder = mkdtempSync(join(tmpdir(), "hben-"));
  const file = join(folder, "reader.mjs");
  await bundle(fileURLToPath(new URL("./reader.ts", import.meta.url)), file);
  const start = performance.now();
  const child = spawn(process.execPath, [file, kind, kubeconfig], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const probe = new Probe(child.pid ?? 0);
    const line = await new Promise<string>((resolve, reject) => {
      child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString()));
      child.once("close", () => reject(new Error(`the ${kind} reader ended without an answer`)));
    });
    const ms = performance.now() - start;
    const [cpu, peak] = [probe.cpu() / 1000, probe.peak()];
    await pause(5_000);
    const { objects } = JSON.parse(line) as { readonly objects: number };
    return { objects, ms, cpu, peak, rss: probe.rss() };
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
}
