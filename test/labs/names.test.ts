import { expect, test } from "vitest";
import { isInterfaceName, isName, managementNamespaceOf, namespaceOf, runName } from "../../labs/runner/names.ts";

test.each([
  ["n1", true],
  ["top-of.rack_1", true],
  ["", false],
  ["-n", false],
  [".", false],
  ["..", false],
  ["a/b", false],
  ["a b", false],
  ["a\nb", false],
  ["é", false],
  ["x".repeat(40), true],
  ["x".repeat(41), false],
])("isName(%j) is %s", (text, expected) => {
  expect(isName(text)).toBe(expected);
});

test.each([
  ["eth1", true],
  ["e".repeat(15), true],
  ["e".repeat(16), false],
  ["lo", false],
  ["", false],
  ["a/b", false],
  ["..", false],
  ["eth 1", false],
  ["eth1\nlink", false],
])("isInterfaceName(%j) is %s", (text, expected) => {
  expect(isInterfaceName(text)).toBe(expected);
});

test("a run is called hl and four hex digits", () => {
  expect(runName(Uint8Array.of(0x0a, 0x0b))).toBe("hl0a0b");
  expect(runName(Uint8Array.of(0xff, 0xff))).toBe("hlffff");
  expect(runName(Uint8Array.of(0, 0))).toBe("hl0000");
});

test("the management namespace is never a node's", () => {
  const management = managementNamespaceOf("hl0a0b");
  expect(management.startsWith("hl0a0b-")).toBe(true);
  expect(isName(management.slice("hl0a0b-".length))).toBe(false);
  expect(namespaceOf("hl0a0b", "r1")).toBe("hl0a0b-r1");
});
