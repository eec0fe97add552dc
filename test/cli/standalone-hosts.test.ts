import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addHostsOptions, type HostsFlags, otherHostsOf } from "../../src/cli/standalone-hosts.ts";
import type { GossipCommand, GossipOptions } from "../../src/speaker/gossip-messages.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-hosts-"));
  writeFileSync(join(folder, "key"), "secret\n");
  writeFileSync(join(folder, "empty"), "\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

function flags(line: string): HostsFlags {
  const command = addHostsOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(line === "" ? [] : line.split(" "), { from: "user" }).opts();
}

interface Started {
  readonly options: GossipOptions;
  readonly commands: readonly GossipCommand[];
}

/** What gossip is started with. */
function started(line: string): Started | undefined {
  const commands: GossipCommand[] = [];
  let options: GossipOptions | undefined;
  const others = otherHostsOf(
    flags(line),
    {
      clock: new VirtualClock(),
      log: silentLog,
      startGossip: (given) => {
        options = given;
        return { post: (command) => commands.push(command), close: () => Promise.resolve() };
      },
    },
    { nodeName: "h1", namespace: "metallb-system", nodeLabels: {} },
  );
  others?.gossip.start(new AbortController().signal, { changed: () => {}, left: () => {}, met: () => {} });
  return options === undefined ? undefined : { options, commands };
}

describe("flags that cannot be meant are refused", () => {
  test.each([
    ["a host by its name", "--member h2", /--member: want addresses .* not "h2"/],
    ["a port that is none", "--member 198.18.7.2:70000", /--member: want addresses/],
    ["a key that is not there", "--member 198.18.7.2 --member-key FOLDER/no", /--member-key .*no such file/],
    ["a key with nothing in it", "--member 198.18.7.2 --member-key FOLDER/empty", /--member-key .*is empty/],
    ["an address to bind that is none", "--member 198.18.7.2 --member-bind eth0", /want an IP address/],
  ])("%s", (_name, line, message) => {
    expect(() => started(line.replace("FOLDER", folder))).toThrow(message);
  });
});

test("without --member there are no others", () => expect(started("")).toBeUndefined());

test("one list may go to all hosts: this one's own addresses are left out", () => {
  const { commands } = started("--member 127.0.0.1,198.18.7.2 --member 198.18.7.3:7000") ?? {};
  expect(commands).toEqual([
    {
      type: "seeds",
      seeds: [
        { address: "198.18.7.2", port: 7946 },
        { address: "198.18.7.3", port: 7000 },
      ],
    },
  ]);
});

test("the same address at another port is another host", () => {
  expect(started("--member 127.0.0.1:7000")?.commands).toHaveLength(1);
});

test.each([
  ["--member 198.18.7.2", "0.0.0.0"],
  ["--member fd00::2", "::"],
  ["--member fd00::2 --member-bind fd00::1", "fd00::1"],
])("%s listens at %s", (line, address) => {
  expect(started(line)?.options.bind).toEqual({ address, port: 7946 });
});

test("with a key all is sealed", () => {
  const keys = started(`--member 198.18.7.2 --member-key ${join(folder, "key")}`)?.options.keys;
  expect(keys?.map((key) => new TextDecoder().decode(key))).toEqual(["secret"]);
  expect(started("--member 198.18.7.2")?.options.keys).toEqual([]);
});
