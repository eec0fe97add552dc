import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { startInspectedDemo } from "../support/inspected-demo.ts";
import { runToEnd as run, startCli as start } from "../support/run-cli.ts";
import { until } from "../support/until.ts";

const folder = mkdtempSync(join(tmpdir(), "herald-inspect-"));
const stop = new AbortController();
let demo: Promise<void>;
let sockets: readonly string[] = [];

/** The demo's three speakers, which have told their routes and stay. */
beforeAll(async () => {
  const started = await startInspectedDemo(folder, stop.signal, () => "/nowhere");
  demo = started.done;
  sockets = started.sockets;
});
afterAll(async () => {
  stop.abort();
  await demo;
  rmSync(folder, { recursive: true });
});

const words = (line: string): readonly string[] => line.split(" ");
const columns = (line: string | undefined): readonly string[] => (line ?? "").split(/ {2,}/);

describe("herald sessions", () => {
  test("shows every node in kubectl's manner", async () => {
    const { code, stdout } = await run(["sessions", ...sockets]);
    const [head, ...rows] = stdout.trimEnd().split("\n");
    expect(code).toBe(0);
    expect(columns(head).slice(0, 5)).toEqual(["NODE", "PEER", "ADDRESS", "ASN", "STATE"]);
    expect(rows.map((row) => columns(row)[0])).toEqual(["node-a", "node-b", "node-c"]);
    expect(rows.map((row) => columns(row)[4])).toEqual(["established", "established", "established"]);
  });

  test.each([
    ["--node node-b", ["node-b"]],
    ["--node node-b --node node-c", ["node-b", "node-c"]],
    ["--peer router-node-a", ["node-a"]],
    ["--node node-b --peer router-node-a", []],
  ])("%s filters", async (flags, nodes) => {
    const { stdout } = await run([...words(`sessions --no-headers ${flags}`), ...sockets]);
    expect(
      stdout
        .split("\n")
        .filter(Boolean)
        .map((row) => columns(row)[0]),
    ).toEqual(nodes);
  });

  test("a node that does not answer is named, hides nothing of the others, and fails the command", async () => {
    writeFileSync(join(folder, "no-socket"), "");
    const dead = ["--socket", "/nowhere/speaker.sock", "--socket", join(folder, "no-socket")];
    const { code, stdout, stderr } = await run(["sessions", "-o", "json", ...dead, ...sockets]);
    const document = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(document.items).toHaveLength(3);
    expect(document.silent.map(({ node }: { node: string }) => node)).toEqual([
      "/nowhere/speaker.sock",
      join(folder, "no-socket"),
    ]);
    expect(stderr).toContain("/nowhere/speaker.sock does not answer");
  });

  test("-o wide has more columns, -o yaml and -o json are documents, stdout has nothing else", async () => {
    expect((await run(["sessions", "-o", "wide", ...sockets])).stdout).toContain("CAPABILITIES");
    expect((await run(["sessions", "-o", "yaml", ...sockets])).stdout).toMatch(/^items:\n/);
    const { items } = JSON.parse((await run(["sessions", "-o", "json", ...sockets])).stdout);
    expect(items[0]).toMatchObject({ node: "node-a", state: "established", negotiated: { peerAsn: 64513 } });
  });

  test.each([
    ["on a terminal", { terminal: true }, true],
    ["with NO_COLOR", { terminal: true, env: { NO_COLOR: "1" } }, false],
    ["with an empty NO_COLOR", { terminal: true, env: { NO_COLOR: "" } }, true],
    ["on a dumb terminal", { terminal: true, env: { TERM: "dumb" } }, false],
    ["into a pipe", {}, false],
  ])("colours %s", async (_, more, coloured) => {
    expect((await run(["sessions", ...sockets], more)).stdout.includes("\u001b[")).toBe(coloured);
  });

  test("describe tells both OPENs and what each side lacks; of a peer that is not there, by name", async () => {
    const { code, stdout } = await run([...words("sessions describe node-b router-node-b"), ...sockets]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/OPEN sent:\n {2}AS 64512, hold time 9s/);
    expect(stdout).toMatch(/OPEN received:\n {2}AS 64513, hold time 90s/);
    expect(stdout).toMatch(/The peer lacks:\n/);
    const none = await run([...words("sessions describe node-b nobody"), ...sockets]);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("nobody");
    expect((await run([...words("sessions describe nowhere tor1"), ...sockets])).code).toBe(2);
  });

  test("-w begins with what is there and ends with the signal", async () => {
    const end = new AbortController();
    const watching = start(["sessions", "-w", ...sockets], end.signal);
    await until("three rows", () => watching.stdout.trimEnd().split("\n").length === 4);
    end.abort();
    expect(await watching.done).toBe(0);
  });
});

test("labels of nodes are no question that a socket could answer", async () => {
  expect((await run(["sessions", "-l", "rack=1", ...sockets])).code).toBe(2);
});

describe("herald routes", () => {
  test("says which Service and advertisement made a route, and that the peer has it", async () => {
    const { stdout } = await run([...words("routes -o json --service default/web --node node-a"), ...sockets]);
    const { items } = JSON.parse(stdout);
    expect(items).toMatchObject([
      {
        node: "node-a",
        peer: "router-node-a",
        state: "sent",
        nextHop: "127.0.0.11",
        communities: ["64512:100"],
        services: ["default/web"],
        advertisements: ["public"],
      },
    ]);
  });

  test.each([
    ["--service web", 0, 3],
    ["--prefix 198.51.100.12", 0, 3],
    ["--prefix 198.51.100.12/32", 0, 3],
    ["--prefix 2001:DB8:100:0::10", 0, 3],
    ["--prefix 198.51.100", 2, 0],
    ["--service a/b/c", 2, 0],
  ])("%s is found as it is written elsewhere, or refused: exit %i, %i rows", async (filter, code, rows) => {
    const outcome = await run([...words(`routes --no-headers ${filter}`), ...sockets]);
    expect([outcome.code, outcome.stdout.split("\n").length - 1]).toEqual([code, rows]);
  });

  test("--in and --out exclude each other; what is empty says so on stderr alone", async () => {
    expect((await run([...words("routes --in --out"), ...sockets])).code).toBe(2);
    const { code, stdout, stderr } = await run([...words("routes --in --no-headers"), ...sockets]);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("nothing to show");
  });
});

test("herald members and layer2 of speakers that have neither are documents that say so", async () => {
  const members = JSON.parse((await run(["members", "-o", "json", ...sockets])).stdout);
  expect(members.nodes.map(({ source }: { source: string }) => source)).toEqual(["none", "none", "none"]);
  const layer2 = JSON.parse((await run(["layer2", "-o", "json", ...sockets])).stdout);
  expect(layer2.nodes[0]).toMatchObject({ node: "node-a", available: false });
});

test("herald watch tells what moved, over nodes in the order of time, each with its reason", async () => {
  const end = new AbortController();
  const watching = start([...words("watch --tail 100 -o json --service default/api"), ...sockets], end.signal);
  const moves = (): readonly { at: string; node: string; type: string; reason?: string }[] =>
    watching.stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  await until("the withdrawal", () => moves().some(({ node, type }) => node === "node-c" && type === "withdrawn"));
  end.abort();
  expect(await watching.done).toBe(0);
  const told = moves();
  expect(told.map(({ at }) => at)).toEqual(told.map(({ at }) => at).toSorted());
  const [withdrawn] = told.filter(({ node, type }) => node === "node-a" && type === "withdrawn");
  expect(withdrawn?.reason).toBe("no-local-endpoint");
});

describe("herald capture", () => {
  test("writes a file, or to stdout", async () => {
    const file = join(folder, "a.pcap");
    expect((await run([...words(`capture node-a router-node-a -o ${file}`), ...sockets])).code).toBe(0);
    expect(readFileSync(file).subarray(0, 4).toString("hex")).toBe("a1b2c3d4");
    const piped = start([...words("capture node-a router-node-a -o -"), ...sockets], new AbortController().signal);
    expect(await piped.done).toBe(0);
    expect(Buffer.concat(piped.octets).length).toBeGreaterThan(500);
    expect(piped.stdout).toBe("");
  });

  test("--follow goes on with what passes", async () => {
    const end = new AbortController();
    const piped = start([...words("capture node-b router-node-b -o - --follow"), ...sockets], end.signal);
    const size = (): number => Buffer.concat(piped.octets).length;
    await until("the beginning", () => size() > 0);
    const before = size();
    await until("another KEEPALIVE", () => size() >= before + 16 + 73);
    end.abort();
    expect(await piped.done).toBe(0);
  });

  test("a file that cannot be written, and a peer that is not there, leave no file behind", async () => {
    expect((await run([...words("capture node-a router-node-a -o /nowhere/a.pcap"), ...sockets])).code).toBe(1);
    const full = await run([...words("capture node-a router-node-a -o /dev/full"), ...sockets]);
    expect([full.code, full.stderr]).toEqual([1, expect.stringContaining("/dev/full: ENOSPC")]);
    const file = join(folder, "none.pcap");
    const { code, stderr } = await run([...words(`capture node-a nobody -o ${file}`), ...sockets]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("nobody")]);
    expect(() => readFileSync(file)).toThrow(/ENOENT/);
  });
});

describe("herald admin-get", () => {
  test("copies a document, and says why it cannot", async () => {
    const socket = sockets[1] ?? "";
    const copied = start(["admin-get", "--admin-socket", socket, "/v1/about"], new AbortController().signal);
    expect(await copied.done).toBe(0);
    expect(JSON.parse(Buffer.concat(copied.octets).toString())).toMatchObject({ view: "about", node: "node-a" });
    const refused = await run(["admin-get", "--admin-socket", socket, "/v1/sessions/nobody"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("no session with BGPPeer nobody")]);
  });

  test("is hidden from the help", async () => {
    expect((await run(["--help"])).stdout).not.toContain("admin-get");
  });
});

describe("completion", () => {
  const script = async (shell: string): Promise<string> => (await run(["completion", shell])).stdout;

  test.each([
    [["herald", "sess"], ["sessions"]],
    [["herald", "sessions", "desc"], ["describe"]],
    [
      ["herald", "sessions", "-o", ""],
      ["table", "wide", "json", "yaml"],
    ],
    [
      ["herald", "routes", "--se"],
      ["--selector", "--service"],
    ],
    [["herald", "completion", "z"], ["zsh"]],
    [["herald", "svc", "--wa"], ["--watch"]],
    [["herald", "explain", "svc", "--pe"], ["--peer"]],
    [["herald", "admin"], []],
  ])("bash completes %j", async (line, expected) => {
    const program = `${await script("bash")}
COMP_WORDS=(${line.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${line.length - 1}; _herald; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const said = execFileSync("bash", ["-c", program], { encoding: "utf8" });
    expect(said.split("\n").filter(Boolean).toSorted()).toEqual(expected.toSorted());
  });

  const fish = "fish";
  const hasFish = spawnSync(fish, ["--version"]).status === 0;
  test.skipIf(!hasFish).each([
    ["herald sess", "sessions"],
    ["herald sessions -o ", "table"],
    ["herald sessions --node x desc", "describe"],
    ["kubectl-herald sess", "sessions"],
  ])("fish, where it is installed, completes %s and says nothing else", async (line, expected) => {
    const file = join(folder, "herald.fish");
    writeFileSync(file, await script("fish"));
    const { stdout, stderr } = spawnSync(fish, ["-c", `source ${file}; complete -C '${line}'`], { encoding: "utf8" });
    expect([stdout, stderr]).toEqual([expect.stringContaining(expected), ""]);
  });

  test("has every command of the help, for each shell, and no shell that is none", async () => {
    const { stdout } = await run(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}([a-z][a-z0-9-]+) /gm)].map(([, name]) => name ?? "");
    expect(commands).toContain("capture");
    for (const shell of ["bash", "zsh", "fish"]) {
      const text = await script(shell);
      for (const name of commands) expect(text).toContain(name);
    }
    expect((await run(["completion", "tcsh"])).code).toBe(2);
  });
});

test("as a plugin of kubectl it calls itself so in its help", async () => {
  let stdout = "";
  const ports = {
    env: {},
    name: "kubectl herald",
    signal: new AbortController().signal,
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: () => {},
  };
  expect(await runCli(["sessions", "--help"], ports)).toBe(0);
  expect(stdout).toContain("Usage: kubectl herald sessions");
});
