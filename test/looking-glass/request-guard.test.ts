import { describe, expect, it } from "vitest";
import { type Asking, isLoopbackHost, refuseRequest } from "../../src/looking-glass/request-guard.ts";

const TOKEN = "the-token";
const asking = (fields: Partial<Asking> = {}): Asking => ({
  method: "GET",
  path: "/api/v1/overview",
  host: "127.0.0.1:8080",
  origin: undefined,
  fetchSite: undefined,
  fetchMode: undefined,
  authorization: `Bearer ${TOKEN}`,
  ...fields,
});
const verdict = (fields: Partial<Asking>): string | undefined =>
  refuseRequest(asking(fields), (text) => text === TOKEN)?.code;

describe("who is answered", () => {
  it.each<[string, Partial<Asking>, string | undefined]>([
    ["a page that has its own name resolved to 127.0.0.1", { host: "evil.example:8080" }, "ERR_UI_HOST"],
    ["the same over localhost.evil.example", { host: "localhost.evil.example" }, "ERR_UI_HOST"],
    ["a name that begins like an address", { host: "127.0.0.1.evil.example" }, "ERR_UI_HOST"],
    ["no Host at all", { host: undefined }, "ERR_UI_HOST"],
    ["an empty Host", { host: "" }, "ERR_UI_HOST"],
    ["another host of the network", { host: "10.0.0.1:8080" }, "ERR_UI_HOST"],
    ["user information in the Host", { host: "localhost@evil.example" }, "ERR_UI_HOST"],
    ["a page of another site", { origin: "https://evil.example" }, "ERR_UI_ORIGIN"],
    ["a page of another port of this machine", { origin: "http://127.0.0.1:9999" }, "ERR_UI_ORIGIN"],
    ["a page without an origin, as in a sandbox", { origin: "null" }, "ERR_UI_ORIGIN"],
    ["a fetch of another site", { fetchSite: "cross-site", fetchMode: "no-cors" }, "ERR_UI_ORIGIN"],
    ["a fetch of another port", { fetchSite: "same-site", fetchMode: "cors" }, "ERR_UI_ORIGIN"],
    ["a link on another page to the API", { fetchSite: "cross-site", fetchMode: "navigate" }, "ERR_UI_ORIGIN"],
    ["an image of another page", { path: "/", fetchSite: "cross-site", fetchMode: "no-cors" }, "ERR_UI_ORIGIN"],
    ["a script of ours in another page", { path: "/assets/app.js", fetchSite: "cross-site" }, "ERR_UI_ORIGIN"],
    ["no token", { authorization: undefined }, "ERR_UI_TOKEN"],
    ["another token", { authorization: "Bearer the-tokem" }, "ERR_UI_TOKEN"],
    ["the token as a password", { authorization: `Basic ${TOKEN}` }, "ERR_UI_TOKEN"],
    ["an empty token", { authorization: "Bearer " }, "ERR_UI_TOKEN"],
    ["the events without the token", { path: "/api/v1/events", authorization: undefined }, "ERR_UI_TOKEN"],
    ["a POST, even with the token", { method: "POST" }, "ERR_UI_METHOD"],
    ["an OPTIONS before a POST", { method: "OPTIONS" }, "ERR_UI_METHOD"],
    ["a program with the token", {}, undefined],
    ["a HEAD", { method: "HEAD" }, undefined],
    ["our own page", { origin: "http://127.0.0.1:8080", fetchSite: "same-origin", fetchMode: "cors" }, undefined],
    ["over a forwarded port", { host: "localhost:1234", origin: "http://localhost:1234" }, undefined],
    ["the page itself, without a token", { path: "/", authorization: undefined, fetchSite: "none" }, undefined],
    ["a link on another page to the page", { path: "/", fetchSite: "cross-site", fetchMode: "navigate" }, undefined],
  ])("%s", (_, fields, expected) => {
    expect(verdict(fields)).toBe(expected);
  });

  it.each([
    ["localhost", true],
    ["LOCALHOST:80", true],
    ["[::1]:8080", true],
    ["127.9.9.9", true],
    ["[::1].evil.example", false],
    ["[fe80::1]", false],
    ["127.0.0.1:8080:8080", false],
    ["0.0.0.0", false],
    ["127.1", false],
  ])("Host %s is loopback: %s", (host, expected) => {
    expect(isLoopbackHost(host)).toBe(expected);
  });
});
