import { spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runningLabs } from "./catalogue.ts";
import { kubeconfigOf } from "./control-plane.ts";
import { LabConfigError } from "./errors.ts";
import { namespaceOf } from "./names.ts";
import { inNamespace, listNamespaces } from "./namespaces.ts";
import { FOLDERS } from "./run-lab.ts";

/** Opens a shell in a node of a lab that is up: `vtysh` is the node's own there, `kubectl` knows the lab's API. */
export async function openShell(lab: string, node: string): Promise<number> {
  const note = runningLabs(FOLDERS.runs).find((running) => running.lab === lab);
  if (note === undefined)
    throw new LabConfigError(lab, { problems: ["is not up: start it with --keep in another terminal"] });
  const namespace = namespaceOf(note.run, node);
  if (!listNamespaces().includes(namespace))
    throw new LabConfigError(lab, { problems: [`has no node called ${node}`] });
  const tools = join(note.state, `${node}.bin`);
  const vty = join(note.state, node);
  if (existsSync(vty)) {
    mkdirSync(tools, { recursive: true });
    writeFileSync(
      join(tools, "vtysh"),
      `#!/bin/sh\nexec /usr/bin/vtysh --vty_socket ${vty} --config_dir ${vty} "$@"\n`,
      { mode: 0o755 },
    );
  }
  const [program = "", ...args] = inNamespace(namespace, ["bash", "--norc", "-i"]);
  const env = {
    ...process.env,
    PATH: `${tools}:${process.env["PATH"] ?? ""}`,
    KUBECONFIG: kubeconfigOf(note.state),
    PS1: `${lab}/${node}\\$ `,
  };
  const child = spawn(program, args, { stdio: "inherit", env });
  return await new Promise((resolve, reject) => {
    child.once("error", reject).once("exit", (code) => resolve(code ?? 1));
  });
}
