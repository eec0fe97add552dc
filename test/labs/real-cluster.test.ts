import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const PROGRAMS = ["docker", "containerlab", "kind", "kubectl", "helm"];
const NODES = ["10.98.0.11", "10.98.0.12", "10.98.0.13"];

/**
 * No program of the lab is here: these write down how they were called, and answer as a cluster would that is well. A node that is
 * paused is left out of routes and sessions; web-local has one next hop for each replica.
 */
const FAKE = `#!/bin/sh
name=$(basename "$0"); here=$(dirname "$0")
echo "$name $*" >> "$here/calls"
[ "$name $1" = "$(cat "$here/fails" 2>/dev/null)" ] && { echo "no $1 today" >&2; exit 7; }
nodes="${NODES.join(" ")}"
[ -e "$here/paused" ] && nodes="${NODES.slice(0, 2).join(" ")}"
replicas=$(cat "$here/replicas" 2>/dev/null || echo 3)
hops() { sep=; printf '[{"nexthops":['; for n in $*; do printf '%s{"gateway":"%s"}' "$sep" $n; sep=,; done; printf ']}]'; }
case "$name $*" in
  "docker pause"*) touch "$here/paused" ;;
  "docker unpause"*) rm "$here/paused" ;;
  *"show bgp summary json"*) sep=; printf '{"ipv4Unicast":{"peers":{'; for n in $nodes; do printf '%s"%s":{"state":"Established"}' "$sep" $n; sep=,; done; echo '}}}' ;;
  *"route show 203.0.113.10") hops $nodes ;;
  *"route show 203.0.113.11") case $replicas in 0) echo '[]' ;; 1) hops 10.98.0.12 ;; *) hops 10.98.0.12 10.98.0.13 ;; esac ;;
  *"seq 60"*) for i in 1 2 3 4 5 6; do printf 'a\\n\\nb\\n\\nc\\n\\n'; done ;;
  *"seq 10"*) for i in 1 2 3 4 5 6 7 8 9 10; do echo 192.0.2.10:4000$i; echo; done ;;
  *"scale deployment/web"*) echo "$*" | sed 's/.*replicas=//' > "$here/replicas" ;;
  *"get service web-cluster"*) echo '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.10"}]}}}' ;;
  *"get service web-local"*) echo '{"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.11"}]}}}' ;;
  *"get pods"*) case $replicas in 0) echo '{"items":[]}' ;; 1) echo '{"items":[{"metadata":{},"spec":{"nodeName":"herald-worker"}}]}' ;;
    *) echo '{"items":[{"metadata":{},"spec":{"nodeName":"herald-worker"}},{"metadata":{},"spec":{"nodeName":"herald-worker2"}}]}' ;; esac ;;
esac
`;

let bin = "";
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "herald-real-cluster-"));
});
afterEach(() => rmSync(bin, { recursive: true }));

function install(programs: readonly string[]): void {
  mkdirSync(bin, { recursive: true });
  for (const program of programs) writeFileSync(join(bin, program), FAKE, { mode: 0o755 });
}

interface Ended {
  readonly code: number;
  readonly said: string;
  readonly calls: string;
}

function lab(path: string): Promise<Ended> {
  const argv = ["--import", "tsx", "labs/runner/main.ts", "real-cluster"];
  const env = { ...process.env, PATH: path, HERALD_LAB_KEEP_IMAGES: "yes" };
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { cwd: ROOT, env }, (error, stdout, stderr) => {
      const calls = existsSync(join(bin, "calls")) ? readFileSync(join(bin, "calls"), "utf8") : "";
      resolve({ code: typeof error?.code === "number" ? error.code : 0, said: stdout + stderr, calls });
    });
  });
}

describe("where containers cannot be had the lab says what is missing, makes nothing, and exits with 3", () => {
  test("no program at all", async () => {
    const { code, said } = await lab(bin);
    expect(code).toBe(3);
    for (const program of ["docker", "containerlab", "kind"])
      expect(said).toMatch(new RegExp(`^  ${program}: .*https:`, "m"));
  });

  test("a Docker without its daemon", async () => {
    install(PROGRAMS);
    writeFileSync(join(bin, "fails"), "docker info");
    const { code, said, calls } = await lab(`${bin}:/usr/bin:/bin`);
    expect([code, calls]).toEqual([3, "docker info\n"]);
    expect(said).toMatch(/its daemon does not answer: no info today/);
  });
});

test("with all of them it deploys, loads, installs, checks, and destroys; a route that goes sooner than it can fails it", async () => {
  install(PROGRAMS);
  const { code, said, calls } = await lab(`${bin}:/usr/bin:/bin`);
  expect(said).toMatch(/r1 left it sooner than the hold time can/);
  expect(code).toBe(1);
  const order = [
    /^containerlab deploy --topo \S+real-cluster\.clab\.yml$/m,
    /^kind load docker-image herald:dev --name herald$/m,
    /^helm upgrade --install herald \S+deploy\/helm\/herald --values \S+values\.yaml --wait --namespace metallb-system/m,
    /^kubectl --kubeconfig \S+ apply --filename \S+manifests$/m,
    /^docker exec clab-real-cluster-r1 vtysh -c show bgp summary json$/m,
    /^kubectl .* scale deployment\/web --replicas=0$/m,
    /^docker pause herald-worker2$/m,
    /^containerlab destroy --topo \S+real-cluster\.clab\.yml --cleanup$/m,
  ].map((pattern) => calls.search(pattern));
  expect(order).not.toContain(-1);
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

test("what cannot be deployed is taken down all the same, and the exit code says that it failed", async () => {
  install(PROGRAMS);
  writeFileSync(join(bin, "fails"), "containerlab deploy");
  const { code, said, calls } = await lab(`${bin}:/usr/bin:/bin`);
  expect(code).toBe(1);
  expect(said).toMatch(/no deploy today/);
  expect(calls).toMatch(/containerlab destroy/);
});
