import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { captureFile, catcherOf } from "../../labs/runner/captures.ts";
import { LabConfigError } from "../../labs/runner/errors.ts";
import { parseCapture, parseDuration, parseSeed, requireNodes } from "../../labs/runner/options.ts";

test.each(["", "10", "m", "-1m", "1.5m", "0s", "10 m", "10d", "999999s"])("parseDuration refuses %j", (text) => {
  expect(() => parseDuration(text)).toThrow(InvalidArgumentError);
});

test.each([
  ["90s", 90_000],
  ["10m", 600_000],
  ["1h", 3_600_000],
])("parseDuration(%j) is %d ms", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each(["", "-1", "1.5", "0x10", "4294967296", "99999999999"])("parseSeed refuses %j", (text) => {
  expect(() => parseSeed(text)).toThrow(InvalidArgumentError);
});

test.each([
  ["0", 0],
  ["4294967295", 4_294_967_295],
])("parseSeed(%j)", (text, seed) => {
  expect(parseSeed(text)).toBe(seed);
});

test.each(["", "n1", ":eth1", "n1:", "n1:eth1:x", "n1:../x", "n1:averyveryverylongname"])(
  "parseCapture refuses %j",
  (text) => {
    expect(() => parseCapture(text)).toThrow(InvalidArgumentError);
  },
);

test("parseCapture adds to those that were given before; lo is an interface too", () => {
  const one = parseCapture("n1:eth1");
  expect(parseCapture("r1:lo", one)).toEqual([
    { node: "n1", port: "eth1" },
    { node: "r1", port: "lo" },
  ]);
});

test("a capture of a node that the lab has not is refused, with those that it has", () => {
  const topology = { name: "x", nodes: [], links: [] };
  expect(() => requireNodes(topology, [{ node: "n9", port: "eth1" }])).toThrow(LabConfigError);
  expect(() => requireNodes(topology, [])).not.toThrow();
});

test("tcpdump captures, or else dumpcap, or else it is said what to install", () => {
  expect(catcherOf(() => true).program).toBe("tcpdump");
  expect(catcherOf((program) => program === "dumpcap").program).toBe("dumpcap");
  expect(() => catcherOf(() => false)).toThrow(/apt-get install tcpdump/);
});

test("two runs do not write one file", () => {
  const goal = { node: "n1", port: "eth1" };
  expect(captureFile("/x", "hl0001", goal)).not.toBe(captureFile("/x", "hl0002", goal));
});
