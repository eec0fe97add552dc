import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { type ExecCall, ExecServer, speakerPod } from "../support/exec-server.ts";
import { until } from "../support/until.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-exec-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function herald(server: ExecServer, line: string, signal = new AbortController().signal): Promise<Outcome> {
  const file = join(folder, "kubeconfig");
  writeFileSync(file, server.kubeconfig());
  let [stdout, stderr] = ["", ""];
  const ports = {
    env: {},
    signal,
    stdout: (text: string) => {
      stdout += text;
    },
    stderr: (text: string) => {
      stderr += text;
    },
  };
  const code = await runCli([...line.split(" "), "--kubeconfig", file, "--namespace", "metallb-system"], ports);
  return { code, stdout, stderr };
}

const answer = (node: string, rows = 1): string => {
  const item = {
    node,
    peer: "tor1",
    port: 179,
    state: "idle",
    since: "2026-11-22T12:00:00.000Z",
    localAsn: 64512,
    expectedAsn: 64513,
  };
  const more = { prefixesOut: 0, prefixesNotSent: 0, prefixesIn: 0, flaps: 0, counters: {} };
  const items = Array.from({ length: rows }, () => ({ ...item, ...more }));
  return JSON.stringify({ view: "sessions", version: 1, node, at: "2026-11-22T12:00:05.000Z", items });
};

/** Every speaker answers for its node; those named otherwise. */
function answering(special: Readonly<Record<string, (call: ExecCall) => void>> = {}): (call: ExecCall) => void {
  return (call) => {
    const other = special[call.pod];
    if (other !== undefined) {
      other(call);
      return;
    }
    call.stdout(Buffer.from(answer(call.pod.replace("speaker-", ""))));
    call.exit(0);
  };
}

const nodes = ({ stdout }: Outcome): readonly string[] =>
  JSON.parse(stdout).items.map(({ node }: { node: string }) => node);
const silent = ({ stdout }: Outcome): Readonly<Record<string, string>> =>
  Object.fromEntries(
    JSON.parse(stdout).silent.map(({ node, reason }: { node: string; reason: string }) => [node, reason]),
  );

const THREE = ["n1", "n2", "n3"].map((node) => speakerPod(`speaker-${node}`, node));

describe("speakers in pods", () => {
  test("are found by their labels and asked in the speaker's container, with stdin to see when nobody reads", async () => {
    const calls: ExecCall[] = [];
    const all = answering();
    await using server = await ExecServer.start(THREE, (call) => {
      calls.push(call);
      all(call);
    });
    const outcome = await herald(server, "sessions -o json");
    expect([outcome.code, nodes(outcome)]).toEqual([0, ["n1", "n2", "n3"]]);
    expect(server.requests[0]).toContain(
      "/namespaces/metallb-system/pods?labelSelector=app.kubernetes.io%2Fcomponent%3Dspeaker",
    );
    expect(calls[0]).toMatchObject({
      container: "speaker",
      command: ["herald", "admin-get", "--while-fed", "/v1/sessions"],
    });
    expect(server.requests.some((url) => url.includes("stdin=true"))).toBe(true);
  });

  test("only those of --node are asked", async () => {
    const asked: string[] = [];
    const all = answering();
    await using server = await ExecServer.start(THREE, (call) => {
      asked.push(call.pod);
      all(call);
    });
    expect(nodes(await herald(server, "sessions -o json --node n2"))).toEqual(["n2"]);
    expect(asked).toEqual(["speaker-n2"]);
  });

  test.each<readonly [string, (call: ExecCall) => void, RegExp]>([
    [
      "an old speaker without the command",
      (call) => {
        call.stderr("herald: unknown command 'admin-get'");
        call.exit(2);
      },
      /unknown command/,
    ],
    [
      "one without a socket",
      (call) => {
        call.stderr("herald: /var/run/herald/speaker.sock: there is no such socket\n");
        call.exit(1);
      },
      /no such socket/,
    ],
    ["one that never says anything", () => {}, /no answer within 1 s/],
    ["one that stops in the middle", (call) => call.stdout(Buffer.from('{"view":"sess')), /no answer within 1 s/],
    [
      "one whose node goes away",
      (call) => {
        call.stdout(Buffer.from('{"view":'));
        call.cut();
      },
      /cut/,
    ],
    [
      "one that says something else",
      (call) => {
        call.stdout(Buffer.from("hello"));
        call.exit(0);
      },
      /not JSON/,
    ],
    [
      "one of another version",
      (call) => {
        call.stdout(Buffer.from(answer("n2").replace('"version":1', '"version":2')));
        call.exit(0);
      },
      /no speaker of this version/,
    ],
  ])("%s is named with the reason and hides nothing of the others", async (_, special, reason) => {
    await using server = await ExecServer.start(THREE, answering({ "speaker-n2": special }));
    const outcome = await herald(server, "sessions -o json --timeout 1");
    expect([outcome.code, nodes(outcome)]).toEqual([1, ["n1", "n3"]]);
    expect(silent(outcome)["n2"]).toMatch(reason);
    expect(outcome.stderr).toMatch(/^n2 does not answer: /);
  });

  test("a user who may not exec is told so, node by node, and what else there is", async () => {
    await using server = await ExecServer.start(THREE, "forbidden");
    const outcome = await herald(server, "sessions -o json");
    const reason = "pod speaker-n2: this user may not create pods/exec in namespace metallb-system";
    expect([outcome.code, nodes(outcome), silent(outcome)["n2"]]).toEqual([1, [], reason]);
    expect(outcome.stderr).toMatch(/herald sessions --from-api shows what the speakers wrote to the API\n$/);
  });

  test("a pod that does not run is named without being asked", async () => {
    await using server = await ExecServer.start(
      [speakerPod("speaker-n1", "n1"), speakerPod("speaker-n2", "n2", "Pending")],
      answering(),
    );
    const outcome = await herald(server, "sessions -o json");
    expect(nodes(outcome)).toEqual(["n1"]);
    expect(silent(outcome)["n2"]).toContain("Pending");
  });

  test("a pod that a rollout or an eviction left beside one that runs is no trouble of its node", async () => {
    const left = [speakerPod("speaker-old", "n1", "Failed"), speakerPod("speaker-older", "n2", "Failed")];
    await using server = await ExecServer.start([...left, ...THREE.slice(0, 1)], answering());
    const outcome = await herald(server, "sessions -o json");
    expect([outcome.code, nodes(outcome)]).toEqual([1, ["n1"]]);
    expect(Object.keys(silent(outcome))).toEqual(["n2"]);
    expect((await herald(server, "sessions describe n2 tor1")).code).toBe(1);
  });

  test.each([
    [
      "sessions",
      "no speaker was found among the pods with app.kubernetes.io/component=speaker in namespace metallb-system",
    ],
    ["watch", "namespace metallb-system"],
    ["routes --node n9", "no speaker was found on node n9"],
    ["sessions describe n9 tor1", "no speaker was found on node n9"],
    ["capture n9 tor1 -o -", "no speaker was found on node n9"],
  ])("where there are none, %s is an error and not an empty answer", async (line, message) => {
    await using server = await ExecServer.start([], answering());
    const { code, stdout, stderr } = await herald(server, line);
    expect([code, stdout, stderr]).toEqual([2, "", expect.stringContaining(message)]);
  });

  describe("of which there are more than can be followed one by one", () => {
    const MANY = Array.from({ length: 101 }, (_, i) => speakerPod(`speaker-n${i}`, `n${i}`));
    const execs = (server: ExecServer): number => server.requests.filter((url) => url.includes("/exec")).length;

    test("watch says so, and opens no connection to any of them; fewer are followed", async () => {
      await using server = await ExecServer.start(MANY, () => {});
      const { code, stderr } = await herald(server, "watch");
      expect([code, stderr]).toEqual([
        2,
        "herald: 101 speakers are too many to be followed one by one: choose at most 100 with --node or -l\n",
      ]);
      expect(execs(server)).toBe(0);
      const end = new AbortController();
      const watching = herald(server, "watch --node n7 --node n8", end.signal);
      await until("two", () => execs(server) === 2);
      end.abort();
      expect((await watching).code).toBe(0);
    });

    test("sessions -w watches what they write to the API instead, and says so", async () => {
      await using server = await ExecServer.start(MANY, () => {});
      const end = new AbortController();
      const watching = herald(server, "sessions -w", end.signal);
      await until("the watch", () => server.requests.some((url) => url.includes("/bgpsessionstates?")));
      end.abort();
      expect((await watching).stderr).toContain("note: 101 speakers are too many to be followed one by one");
      expect(execs(server)).toBe(0);
    });
  });

  test("an answer of megabytes arrives whole", async () => {
    const large = (call: ExecCall): void => {
      const text = Buffer.from(answer("n1", 20_000));
      for (let at = 0; at < text.length; at += 32_768) call.stdout(text.subarray(at, at + 32_768));
      call.exit(0);
    };
    await using server = await ExecServer.start([speakerPod("speaker-n1", "n1")], answering({ "speaker-n1": large }));
    expect(nodes(await herald(server, "sessions -o json"))).toHaveLength(20_000);
  });

  test("a stream ends with the command, and the pod hears of it", async () => {
    let unfed = false;
    await using server = await ExecServer.start([speakerPod("speaker-n1", "n1")], (call) => {
      void call.unfed.then(() => {
        unfed = true;
      });
      call.stdout(
        Buffer.from(`${JSON.stringify({ node: "n1", seq: 0, at: "2026-11-22T12:00:00.000Z", type: "fenced" })}\n`),
      );
    });
    const end = new AbortController();
    const watching = herald(server, "watch -o json", end.signal);
    await until("the exec", () => server.requests.some((url) => url.includes("/exec")));
    await new Promise((resolve) => setTimeout(resolve, 500));
    end.abort();
    const { code, stdout } = await watching;
    expect([code, stdout]).toEqual([0, expect.stringContaining('"fenced"')]);
    await until("the end of stdin", () => unfed);
  });
});
