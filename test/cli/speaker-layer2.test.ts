import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { addLayer2Options, type Layer2Flags, layer2OptionsOf, membersOf } from "../../src/cli/speaker-layer2.ts";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import type { GossipOptions } from "../../src/speaker/gossip-messages.ts";
import { everyone, KubernetesMembers } from "../../src/speaker/members.ts";
import { GossipMembers } from "../../src/speaker/members-gossip.ts";
import { ConfigError } from "../../src/wire/errors.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-flags-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

function parse(...args: readonly string[]): Layer2Flags {
  const command = addLayer2Options(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: "user" }).opts<Layer2Flags>();
}

function members(...args: readonly string[]): { readonly kind: unknown; readonly started: readonly GossipOptions[] } {
  const clock = new VirtualClock();
  const started: GossipOptions[] = [];
  const client = new KubernetesClient({ log: silentLog, clock }, anonymousConfig("http://127.0.0.1:1"));
  const startGossip = (options: GossipOptions) => {
    started.push(options);
    return { post: () => {}, close: () => Promise.resolve() };
  };
  const ports = { client, clock, random: () => 0.5, log: silentLog, startGossip };
  const found = membersOf(parse(...args), ports, { namespace: "system", nodeName: "a" });
  const stop = new AbortController();
  stop.abort();
  if (found instanceof GossipMembers) found.start(stop.signal, { changed: () => {}, left: () => {}, met: () => {} });
  client.close();
  return { kind: found === everyone ? everyone : found.constructor, started };
}

describe("who is alive", () => {
  test.each<[string, unknown, readonly string[]]>([
    ["nothing said: the Nodes", KubernetesMembers, []],
    ["an address without labels, as MetalLB has it", KubernetesMembers, ["--ml-bindaddr", "192.0.2.1"]],
    ["labels without an address", KubernetesMembers, ["--ml-labels", "app=metallb"]],
    ["both", GossipMembers, ["--ml-bindaddr", "192.0.2.1", "--ml-labels", "app=metallb"]],
    ["named speakers", GossipMembers, ["--ml-join", "192.0.2.2"]],
    [
      "named speakers, and gossip not wanted",
      KubernetesMembers,
      ["--ml-join", "192.0.2.2", "--membership", "kubernetes"],
    ],
    ["all of them", everyone, ["--ml-join", "192.0.2.2", "--membership", "all"]],
  ])("%s", (_name, kind, args) => expect(members(...args).kind).toBe(kind));

  test("MetalLB's variables do what its flags do", () => {
    for (const [name, value] of Object.entries({
      METALLB_ML_BIND_ADDR: "2001:db8:0::1",
      METALLB_ML_BIND_PORT: "7947",
      METALLB_ML_LABELS: "app=metallb",
    })) {
      vi.stubEnv(name, value);
    }
    const bind = { address: "2001:db8::1", port: 7947 };
    expect(members().started).toMatchObject([{ node: "a", bind, advertise: "2001:db8::1", cluster: "system" }]);
  });

  test.each([
    ["192.0.2.2", "0.0.0.0"],
    ["2001:db8::2", "::"],
  ])("named %s alone: from every address, seen where our packets come from", (join, address) => {
    const { started } = members("--ml-join", join);
    expect(started).toMatchObject([{ bind: { address, port: 7946 } }]);
    expect(started[0]?.advertise).toBeUndefined();
  });

  test("the key is read where the Secret is mounted", () => {
    writeFileSync(join(folder, "secretkey"), "abc\n");
    const { started } = members("--ml-join", "192.0.2.2", "--ml-secret-key-path", folder);
    expect(started[0]?.keys.map((key) => new TextDecoder().decode(key))).toEqual(["abc"]);
  });

  test.each([
    ["a key that is not there", ["--ml-join", "192.0.2.2", "--ml-secret-key-path", "/nonexistent"], /no gossip key/],
    ["names for addresses", ["--ml-join", "worker1"], /--ml-join: want addresses/],
    ["no address to bind", ["--ml-bindaddr", "localhost"], /want an IP address/],
    ["no port", ["--ml-bindport", "x"], /want a number/],
    ["a time of nothing", ["--layer2-fencing-after", "0"], /--layer2-fencing off/],
    ["a policy of its own", ["--layer2-fencing", "maybe"], /Allowed choices/],
  ])("%s is refused in words", (_name, args, message) => expect(() => members(...args)).toThrow(message));
});

describe("interfaces that are left alone", () => {
  const excluded = (content: string | undefined): string | undefined => {
    const file = join(folder, "excludel2.yaml");
    rmSync(file, { force: true });
    if (content !== undefined) writeFileSync(file, content);
    return layer2OptionsOf(parse("--layer2-exclude", file)).excludedInterfaces;
  };

  test.each([
    ["MetalLB's own without a file", undefined, undefined],
    ["the patterns joined", "announcedInterfacesToExclude: ['^docker.*', '^lo$']", "(^docker.*)|(^lo$)"],
    ["none at all", "announcedInterfacesToExclude: []", "^$"],
  ])("%s", (_name, content, expected) => expect(excluded(content)).toBe(expected));

  test.each(["", "announcedInterfacesToExclude: eth0", "announcedInterfacesToExclude: [1]"])(
    "%j is refused",
    (content) => expect(() => excluded(content)).toThrow("announcedInterfacesToExclude is no list of patterns"),
  );

  test.each([
    ["a pattern of Go that JavaScript has not", "announcedInterfacesToExclude: ['(?i)^docker']", /excluded interfaces/],
    ["half a pattern", "announcedInterfacesToExclude: ['eth[']", /excluded interfaces/],
    ["no YAML", "announcedInterfacesToExclude: ['eth0'", /excludel2\.yaml: /],
  ])("%s is refused before the node is elected for anything", (_name, content, message) => {
    expect(() => excluded(content)).toThrow(ConfigError);
    expect(() => excluded(content)).toThrow(message);
  });
});
