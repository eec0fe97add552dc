import { createServer, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { anonymousConfig } from "../../src/kubernetes/kubeconfig.ts";
import { LEASES, SERVICES } from "../../src/kubernetes/resource.ts";
import { silentLog } from "../support/silent-log.ts";

let server: Server | undefined;
let client: KubernetesClient | undefined;
afterEach(() => {
  client?.close();
  server?.closeAllConnections();
  server?.close();
});

/** A server that answers as it is told, and what was observed of the client's requests. */
async function scene(status: number, body: object): Promise<{ client: KubernetesClient; seen: string[] }> {
  const listening = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const address = listening.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const seen: string[] = [];
  const observe = ({ verb, method, resource }: { verb: string; method: string; resource: string }) => {
    return (code: number | undefined): void => void seen.push(`${verb} ${method} ${resource} ${code}`);
  };
  client = new KubernetesClient({ log: silentLog, observe }, anonymousConfig(`http://127.0.0.1:${port}`));
  return { client, seen };
}

const IN = { namespace: "a" } as const;

test("requests are named as roles name them, subresources included", async () => {
  const { client, seen } = await scene(200, { metadata: { resourceVersion: "1" }, items: [] });
  await client.get(LEASES, "x", IN);
  await client.list(SERVICES);
  await client.create(LEASES, {}, IN);
  await client.update(LEASES, "x", {}, IN);
  await client.patch(SERVICES, "x", {}, { ...IN, type: "merge", subresource: "status" });
  await client.delete(LEASES, "x", IN);
  await client.version();
  expect(seen).toEqual([
    "get GET leases 200",
    "list GET services 200",
    "create POST leases 200",
    "update PUT leases 200",
    "patch PATCH services/status 200",
    "delete DELETE leases 200",
    "get GET version 200",
  ]);
});

test("a watch is observed when it is accepted, not when it ends", async () => {
  const { client, seen } = await scene(200, { type: "BOOKMARK", object: { metadata: { resourceVersion: "2" } } });
  let opened: readonly string[] = [];
  const watch = client.watch(SERVICES, { resourceVersion: "1", opened: () => (opened = [...seen]) });
  await watch.next();
  await watch.return();
  expect(opened).toEqual(["watch GET services 200"]);
  expect(seen).toEqual(["watch GET services 200"]);
});

test("a refusal is observed with its status, silence without one, and what its caller gave up not at all", async () => {
  const { client, seen } = await scene(409, { kind: "Status", code: 409, reason: "Conflict", message: "changed" });
  await expect(client.update(LEASES, "x", {}, IN)).rejects.toThrow("changed");
  await expect(client.get(LEASES, "x", { ...IN, signal: AbortSignal.abort() })).rejects.toThrow();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await expect(client.get(LEASES, "x", IN)).rejects.toThrow();
  expect(seen).toEqual(["update PUT leases 409", "get GET leases undefined"]);
});
