import { expect, test } from "vitest";
import { runDemo } from "../../src/demo/demo.ts";
import { systemClock, systemWallClock } from "../../src/system/clock.ts";
import { systemRandom } from "../../src/system/random.ts";
import { shippedDefinitions } from "../integration/cluster.ts";
import { silentLog } from "../support/silent-log.ts";
import { until } from "../support/until.ts";

interface Show {
  said: string;
  kubeconfig: string;
  readonly done: Promise<void>;
}

function show(keep: boolean, signal: AbortSignal): Show {
  const state = { said: "", kubeconfig: "" };
  const ports = {
    clock: systemClock,
    wallClock: systemWallClock,
    random: systemRandom,
    log: silentLog,
    say: (text: string) => {
      state.said += text;
    },
    saveKubeconfig: (text: string) => {
      state.kubeconfig = text;
      return "/saved/kubeconfig";
    },
  };
  return Object.assign(state, { done: runDemo(ports, { crds: shippedDefinitions(), keep }, signal) });
}

/** The rows of the n-th table with this first column head, cells apart. */
function table(said: string, head: string, n = 0): readonly (readonly string[])[] {
  const lines = said.split("\n");
  const starts = lines.flatMap((line, i) => (line.startsWith(head) ? [i + 1] : []));
  const start = starts[n] ?? lines.length;
  const end = lines.findIndex((line, i) => i >= start && line === "");
  return lines.slice(start, end).map((line) => line.split(/ {3,}/));
}

test("shows addresses, routes with next hops, and routes that follow endpoints", async () => {
  const demo = show(false, new AbortController().signal);
  await demo.done;
  const services = new Map(table(demo.said, "SERVICE").map(([name, policy, ips]) => [name, [policy, ips]]));
  expect([...services.keys()].toSorted()).toEqual(["api", "dns-tcp", "dns-udp", "dual", "web"]);
  expect(services.get("api")?.[0]).toBe("Local");
  expect(services.get("dual")?.[1]).toMatch(/^198\.51\.100\.\d+,2001:db8:100::[\da-f]+$/);
  expect(services.get("dns-tcp")?.[1]).toBe("198.51.100.53");
  expect(services.get("dns-udp")?.[1]).toBe("198.51.100.53");
  const all = "node-a node-b node-c";
  const before = new Map(table(demo.said, "PREFIX").map(([prefix, nodes]) => [prefix, nodes]));
  const api = `${services.get("api")?.[1]}/32`;
  expect(before.size).toBe(5);
  expect(before.get("198.51.100.53/32")).toBe(all);
  expect(before.get(api)).toBe("node-a");
  const [web] = table(demo.said, "PREFIX").filter(([prefix]) => prefix === `${services.get("web")?.[1]}/32`);
  expect(web?.slice(1)).toEqual([all, "64512:100", "127.0.0.11 127.0.0.12 127.0.0.13"]);
  const after = new Map(table(demo.said, "PREFIX", 1).map(([prefix, nodes]) => [prefix, nodes]));
  expect(after.get(api)).toBe("node-c");
  expect(new Map([...after, [api, ""]])).toEqual(new Map([...before, [api, ""]]));
  expect(demo.said).toContain(`${api} is withdrawn`);
});

test("with --keep it stays up until it is stopped, and says how kubectl gets there", async () => {
  const stop = new AbortController();
  const demo = show(true, stop.signal);
  await until("the invitation", () => demo.said.includes("export KUBECONFIG=/saved/kubeconfig"));
  const server = /server: (\S+)/.exec(demo.kubeconfig)?.[1] ?? "";
  const answer = await fetch(`${server}/api/v1/namespaces/default/services`);
  expect(answer.status).toBe(200);
  stop.abort();
  await demo.done;
  await expect(fetch(`${server}/version`)).rejects.toThrow();
});

test("stopped in the middle it ends, with what it was waiting for", async () => {
  const stop = new AbortController();
  const demo = show(false, stop.signal);
  await until("the beginning", () => demo.said.includes("three nodes"));
  stop.abort();
  await expect(demo.done).rejects.toMatchObject({ code: "ERR_DEMO_FAILED" });
});
