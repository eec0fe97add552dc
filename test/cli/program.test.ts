import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runCli } from "../../src/cli/program.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(line: string): Promise<Outcome> {
  let [stdout, stderr] = ["", ""];
  const code = await runCli(line.split(" "), {
    env: {},
    signal: new AbortController().signal,
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}

beforeEach(() => {
  for (const name of ["KUBECONFIG", "METALLB_NAMESPACE", "METALLB_NODE_NAME"]) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

describe("command line", () => {
  test.each([
    ["--help", /controller.*speaker/s],
    ["help controller", /--lease-name/],
    ["controller --help", /METALLB_NAMESPACE/],
    ["speaker --help", /METALLB_NODE_NAME/],
    ["demo --help", /--keep/],
    ["apiserver --help", /--kubeconfig-out/],
    ["--version", /^dev$/m],
  ])("herald %s exits 0 and prints to stdout", async (line, text) => {
    const { code, stdout, stderr } = await run(line);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(text);
  });

  test.each([
    ["an unknown flag", "controller --nonsense", "unknown option '--nonsense'"],
    ["an unknown flag of the program", "--nonsense", "unknown option '--nonsense'"],
    ["an unknown command", "nonsense", "unknown command 'nonsense'"],
    ["an argument too many", "speaker extra", "too many arguments"],
    ["a log level that is none", "speaker --log-level loud", "Allowed choices are"],
    ["a port that is none", "controller --health-probe-port 70000", "want a number from 0 to 65535"],
    ["a boolean that is none", "speaker --ignore-exclude-lb=maybe", "want true or false"],
    ["no namespace", "controller", "give --namespace"],
    ["no kubeconfig outside of a pod", "speaker --namespace x", "no kubeconfig is given"],
    ["a kubeconfig that is not there", "controller --namespace x --kubeconfig /nonexistent", "/nonexistent"],
  ])("%s exits 2 and says so on stderr", async (_name, line, text) => {
    const { code, stdout, stderr } = await run(line);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(text);
  });
});
