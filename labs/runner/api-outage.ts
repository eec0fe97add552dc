import { writeFileSync } from "node:fs";
import { savedObjectsOf } from "./control-plane.ts";
import { LabCheckError } from "./errors.ts";
import type { Lab } from "./lab.ts";
import { pause } from "./poll.ts";
import type { LabProcess } from "./processes.ts";

/** Milliseconds until a server that was started again answers. */
const PATIENCE = 20_000;

/** The API server hangs for a time: connections stay open, and nobody answers. */
export async function suspendApi(lab: Lab, milliseconds: number): Promise<void> {
  const server = apiServer(lab);
  server.signal("SIGSTOP");
  try {
    await pause(milliseconds);
  } finally {
    server.signal("SIGCONT");
  }
  await answers(lab);
}

/** The API server is killed, stays away for a time, and comes back at the same address with the same objects. */
export async function restartApi(lab: Lab, milliseconds: number): Promise<number> {
  const objects = await endApi(lab, "SIGKILL");
  await pause(milliseconds);
  await beginApi(lab);
  return objects;
}

/** Ends the API server; what it had lies where the next one begins with it. Returns how many objects that are. */
export async function endApi(lab: Lab, signal: NodeJS.Signals): Promise<number> {
  const objects = await lab.api.everything();
  writeFileSync(savedObjectsOf(lab.paths.state), objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  await apiServer(lab).stop(signal);
  return objects.length;
}

/** Starts it again after {@link endApi}; returns when it answers. */
export async function beginApi(lab: Lab): Promise<void> {
  apiServer(lab).start();
  await answers(lab);
}

function apiServer(lab: Lab): LabProcess {
  const node = lab.topology.nodes.find(({ role }) => role === "control-plane");
  if (node === undefined) throw new LabCheckError("no node has the role control-plane");
  return lab.program(node.name, "apiserver");
}

async function answers(lab: Lab): Promise<void> {
  await lab.until("the API server answers", PATIENCE, async () => {
    await lab.api.list("Namespace");
    return { value: true };
  });
}
