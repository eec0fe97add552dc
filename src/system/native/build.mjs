// Compiles netraw.c to netraw.node beside it, with the local C compiler; nothing is downloaded.
// With --optional, as `npm install` runs it, a machine that cannot do it is told in one line and goes on without.
import { spawnSync } from "node:child_process";
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const folder = import.meta.dirname;
const optional = process.argv.includes("--optional");
const problem = process.platform === "linux" ? await compile() : `it is for Linux, this is ${process.platform}`;
if (problem !== undefined) {
  const without = "BGP passwords, TTL security and layer 2 will not work";
  process.stderr.write(
    `herald: native sockets not built: ${problem}; ${without} until \`npm run build:native\` does\n`,
  );
  process.exitCode = optional ? 0 : 1;
}

async function compile() {
  const headers = await headerFolder();
  if (headers === undefined) return "the package node-api-headers is not installed";
  // No library is linked: all symbols are in the process that loads it, so that one file serves glibc and musl.
  const flags = ["-shared", "-fPIC", "-O2", "-s", "-Wall", "-Wextra", "-nodefaultlibs", "-nostartfiles"];
  if (process.arch === "arm64") flags.push("-mno-outline-atomics");
  const made = join(folder, `netraw.${process.pid}.tmp`);
  const args = [...flags, "-DNAPI_VERSION=8", "-I", headers, "-o", made, join(folder, "netraw.c")];
  for (const compiler of ["cc", "gcc", "clang"]) {
    const { error, status, stderr } = spawnSync(compiler, args, { encoding: "utf8" });
    if (error?.code === "ENOENT") continue;
    if (status === 0) {
      // In one step: a program that runs keeps the file it has mapped.
      renameSync(made, join(folder, "netraw.node"));
      return undefined;
    }
    rmSync(made, { force: true });
    return `${compiler} failed: ${firstLine(error?.message ?? stderr) || `exit status ${status}`}`;
  }
  return "there is no C compiler (install gcc)";
}

async function headerFolder() {
  try {
    return (await import("node-api-headers")).default.include_dir;
  } catch (error) {
    if (error.code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

function firstLine(text) {
  return text.split("\n").find((line) => line.includes("error")) ?? text.split("\n")[0];
}
