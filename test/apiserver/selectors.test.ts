import { describe, expect, test } from "vitest";
import { parseObject } from "../../src/apiserver/object.ts";
import { parseFieldSelector, parseLabelSelector } from "../../src/apiserver/selectors.ts";

const labels = { app: "web", tier: "front", "example.com/weight": "5", empty: "" };
const object = parseObject({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "a", labels },
  spec: { nodeName: "n1", on: true },
});

describe("parseLabelSelector()", () => {
  test.each([
    ["", true],
    ["app=web", true],
    ["app==web", true],
    ["app!=web", false],
    ["other!=web", true],
    ["app", true],
    ["!app", false],
    ["! other", true],
    ["app in (web,api)", true],
    ["app in ( api , web )", true],
    ["app in (api)", false],
    ["app notin (api)", true],
    ["other notin (api)", true],
    ["other in (api)", false],
    ["app=web,tier=back", false],
    ["app in (web,api),tier=front,!other", true],
    ["example.com/weight>4", true],
    ["example.com/weight<5", false],
    ["app>4", false],
    ["empty=", true],
    ["empty in ()", true],
  ])("%j selects: %s", (text, expected) => {
    const predicate = parseLabelSelector(text);
    expect(predicate === undefined || predicate(object)).toBe(expected);
  });

  test.each(["a b", "=x", "app in web", "app in (web", "a=b=c", "-a=b"])("refuses %j with 400", (text) => {
    expect(() => parseLabelSelector(text)).toThrow(/unable to parse requirement/);
  });
});

describe("parseFieldSelector()", () => {
  const selectable = ["metadata.name", "spec.nodeName", "spec.on"];
  test.each([
    ["metadata.name=a", true],
    ["metadata.name==b", false],
    ["metadata.name!=b,spec.nodeName=n1", true],
    ["spec.nodeName=", false],
    ["spec.on=true", true],
  ])("%j selects: %s", (text, expected) => {
    expect(parseFieldSelector(text, selectable)?.(object)).toBe(expected);
  });

  test("a missing field counts as the empty string", () => {
    const bare = parseObject({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" } });
    expect(parseFieldSelector("spec.nodeName=", selectable)?.(bare)).toBe(true);
  });

  test.each([
    ["spec.image=x", /not supported/],
    ["nonsense", /invalid field selector/],
  ])("refuses %j", (text, message) => {
    expect(() => parseFieldSelector(text, selectable)).toThrow(message);
  });
});
