import { Command } from "commander";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  addDaemonOptions,
  parseBoolean,
  parsePort,
  resolveNamespace,
  unusedFlags,
} from "../../src/cli/daemon-options.ts";

function parse(...args: readonly string[]): Command {
  const command = addDaemonOptions(new Command(), "127.0.0.1", ["--extra <x>", "--flag [bool]"]).exitOverride();
  return command.configureOutput({ writeErr: () => {} }).parse(args, { from: "user" });
}

afterEach(() => vi.unstubAllEnvs());

describe("flags of both daemons", () => {
  test("have MetalLB's defaults", () => {
    vi.stubEnv("KUBECONFIG", undefined);
    expect(parse().opts()).toEqual({
      logLevel: "info",
      lbClass: "",
      healthProbePort: 17472,
      healthProbeAddress: "127.0.0.1",
      port: 9120,
      metricsAddress: "127.0.0.1",
      secureMetrics: false,
      tlsMinVersion: "TLSv1.3",
      tlsCipherSuites: [],
      tlsCurvePreferences: [],
    });
  });

  test.each([
    ["KUBECONFIG", "kubeconfig"],
    ["METALLB_NAMESPACE", "namespace"],
    ["METALLB_POD_NAME", "podName"],
  ])("%s sets what its flag sets, and the flag wins", (variable, name) => {
    vi.stubEnv(variable, "from-env");
    expect(parse().opts()[name]).toBe("from-env");
    const flag = name === "podName" ? "--pod-name" : `--${name}`;
    expect(parse(flag, "from-flag").opts()[name]).toBe("from-flag");
  });

  test.each([
    ["--pprof-bind-address", ":1"],
    ["--log-level=loud"],
    ["--health-probe-port=-1"],
    ["--health-probe-port=1e3"],
    ["--nonsense"],
  ])("%s %s", (...args) => {
    if (args[0] === "--pprof-bind-address") expect(unusedFlags(parse(...args), [])).toEqual([args[0]]);
    else expect(() => parse(...args)).toThrow();
  });

  test("those without effect are named when they were given, and only then", () => {
    const ignored = ["--extra <x>", "--flag [bool]"];
    expect(unusedFlags(parse("--log-level", "debug"), ignored)).toEqual([]);
    const given = parse("--flag", "--extra", "1", "--pprof-bind-address=:6060");
    expect(unusedFlags(given, ignored)).toEqual(["--pprof-bind-address", "--extra", "--flag"]);
  });
});

describe("resolveNamespace()", () => {
  test.each([[undefined], [""]])("%s outside of a pod asks for the flag", (namespace) => {
    const options = namespace === undefined ? {} : { namespace };
    expect(() => resolveNamespace(options)).toThrow("give --namespace (or METALLB_NAMESPACE)");
  });
  test("the flag counts", () => expect(resolveNamespace({ namespace: "x" })).toBe("x"));
});

test.each([
  ["0", 0],
  ["17472", 17472],
  ["65535", 65535],
])("parsePort() reads %s", (text, port) => expect(parsePort(text)).toBe(port));
test.each(["", "65536", "-1", "0x10", "1.5", " 1", "999999"])("parsePort() refuses %j", (text) =>
  expect(() => parsePort(text)).toThrow("want a number"),
);

test.each([
  ["1", true],
  ["t", true],
  ["TRUE", true],
  ["True", true],
  ["0", false],
  ["f", false],
  ["false", false],
])("parseBoolean() reads %s as Go does", (text, value) => expect(parseBoolean(text)).toBe(value));
test.each(["", "yes", "2", "truee"])("parseBoolean() refuses %j", (text) =>
  expect(() => parseBoolean(text)).toThrow("want true or false"),
);
