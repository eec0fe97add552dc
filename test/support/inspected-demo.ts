import { join } from "node:path";
import { serveAdmin } from "../../src/cli/speaker-admin.ts";
import { runDemo } from "../../src/demo/demo.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { shippedDefinitions } from "../integration/cluster.ts";
import { silentLog } from "./silent-log.ts";
import { until } from "./until.ts";

/** A demo that stays up, and the flags that reach its three speakers. */
export interface InspectedDemo {
  readonly sockets: readonly string[];
  /** Resolves when it has ended. */
  readonly done: Promise<void>;
}

/** Resolves when the demo's speakers have told their routes; their sockets are in `folder`. */
export async function startInspectedDemo(
  folder: string,
  signal: AbortSignal,
  saveKubeconfig: (text: string) => string,
): Promise<InspectedDemo> {
  let said = "";
  const sockets: string[] = [];
  const ports = {
    clock: systemClock,
    wallClock: systemWallClock,
    random: systemRandom,
    log: silentLog,
    say: (text: string) => {
      said += text;
    },
    saveKubeconfig,
    inspect: async (speaker: Parameters<typeof serveAdmin>[1], node: string) => {
      const path = join(folder, `${node}.sock`);
      sockets.push("--socket", path);
      const socket = await serveAdmin(path, speaker, silentLog);
      return { path, close: () => socket.close() };
    },
  };
  const done = runDemo(ports, { crds: shippedDefinitions(), keep: true }, signal);
  await until("the demo", () => said.includes("Look into the three speakers"));
  return { sockets, done };
}
