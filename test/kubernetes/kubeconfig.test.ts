import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KubernetesClient } from "../../src/kubernetes/client.ts";
import { NoKubeconfig } from "../../src/kubernetes/errors.ts";
import { clientConfigFromKubeconfig } from "../../src/kubernetes/kubeconfig.ts";
import { NODES } from "../../src/kubernetes/resource.ts";
import { seconds } from "../../src/net/micros.ts";
import { FakeApiServer, json, statusOf } from "../support/fake-api-server.ts";
import { silentLog } from "../support/silent-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const TLS = join(import.meta.dirname, "../support/tls");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-kubeconfig-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Parts {
  readonly server: string;
  readonly cluster?: object;
  readonly user?: object;
  readonly namespace?: string;
}

function write(name: string, { server, cluster = {}, user = {}, namespace }: Parts): string {
  const path = join(folder, name);
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: `${name}-c`, cluster: { server, ...cluster } }],
    users: [{ name: `${name}-u`, user }],
    contexts: [{ name: `${name}-x`, context: { cluster: `${name}-c`, user: `${name}-u`, namespace } }],
    "current-context": `${name}-x`,
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

const clientFor = (path: string): KubernetesClient =>
  new KubernetesClient({ log: silentLog }, clientConfigFromKubeconfig(path));

/** What the server saw in the Authorization header of one request. */
async function authorizationWith(user: object): Promise<string | undefined> {
  const server = await FakeApiServer.start((_, response) => json(response, {}));
  const client = clientFor(write("auth", { server: server.url, user }));
  await client.get(NODES, "n");
  client.close();
  await server.kill();
  return server.seen[0]?.headers.authorization;
}

describe("clientConfigFromKubeconfig()", () => {
  test("server, namespace and token, over plain HTTP where the file says so", async () => {
    const config = clientConfigFromKubeconfig(
      write("plain", { server: "http://127.0.0.1:1", namespace: "metallb-system" }),
    );
    expect(config).toMatchObject({ server: "http://127.0.0.1:1", namespace: "metallb-system" });
    expect(await authorizationWith({ token: "secret" })).toBe("Bearer secret");
    expect(await authorizationWith({ username: "a", password: "b" })).toBe("Basic YTpi");
    expect(await authorizationWith({})).toBeUndefined();
  });

  test("an exec plugin is asked", async () => {
    const credential = {
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "from-plugin" },
    };
    const exec = {
      apiVersion: credential.apiVersion,
      command: process.execPath,
      args: ["-e", `console.log(${JSON.stringify(JSON.stringify(credential))})`],
    };
    expect(await authorizationWith({ exec })).toBe("Bearer from-plugin");
  });

  test("a token file that is rotated is read again after a 401, with its newline cut off", async () => {
    const token = join(folder, "token");
    let valid = "one";
    const server = await FakeApiServer.start(({ headers }, response) => {
      if (headers.authorization === `Bearer ${valid}`) json(response, {});
      else json(response, statusOf(401, "Unauthorized"), 401);
    });
    writeFileSync(token, "one\n");
    const user = { "auth-provider": { name: "tokenFile", config: { tokenFile: token } } };
    const client = clientFor(write("rotated", { server: server.url, user }));
    expect(await client.get(NODES, "n")).toEqual({});
    valid = "two";
    writeFileSync(token, "two\n");
    expect(await client.get(NODES, "n")).toEqual({});
    client.close();
    await server.kill();
  });

  test("credentials are kept for ten seconds, and a burst of 401s reads the file once", async () => {
    const clock = new VirtualClock();
    const path = write("cached", { server: "http://127.0.0.1:1", user: { token: "one" } });
    const config = clientConfigFromKubeconfig(path, clock);
    const token = async (fresh: boolean): Promise<string | undefined> =>
      (await config.credentials(fresh)).headers["Authorization"];
    expect(await token(false)).toBe("Bearer one");
    write("cached", { server: "http://127.0.0.1:1", user: { token: "two" } });
    expect(await token(false)).toBe("Bearer one");
    expect(await token(true)).toBe("Bearer two");
    write("cached", { server: "http://127.0.0.1:1", user: { token: "three" } });
    expect(await token(true)).toBe("Bearer two");
    clock.advance(seconds(2));
    expect(await token(true)).toBe("Bearer three");
    rmSync(path);
    clock.advance(seconds(2));
    await expect(token(true)).rejects.toThrow(NoKubeconfig);
    expect(await token(false)).toBe("Bearer three");
  });

  test("certificates of server and client, with kept-alive connections", async () => {
    const [key, cert] = ["key.pem", "cert.pem"].map((file) => readFileSync(join(TLS, file), "utf8"));
    if (key === undefined || cert === undefined) throw new Error("no certificate");
    const subjects: string[] = [];
    let connections = 0;
    const server = createServer(
      { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        if ("getPeerCertificate" in request.socket && typeof request.socket.getPeerCertificate === "function") {
          subjects.push(request.socket.getPeerCertificate().subject.CN);
        }
        response.end("{}");
      },
    );
    server.on("secureConnection", () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const path = write("mutual", {
      server: `https://127.0.0.1:${port}`,
      cluster: { "certificate-authority-data": base64(cert) },
      user: { "client-certificate-data": base64(cert), "client-key-data": base64(key) },
    });
    const client = clientFor(path);
    for (let i = 0; i < 3; i++) await client.get(NODES, "n");
    expect(subjects).toEqual(["herald-test", "herald-test", "herald-test"]);
    expect(connections).toBe(1);
    const stranger = clientFor(write("stranger", { server: `https://127.0.0.1:${port}` }));
    await expect(stranger.get(NODES, "n")).rejects.toMatchObject({ code: "ERR_API_UNREACHABLE" });
    client.close();
    stranger.close();
    server.close();
  });

  test("several files are merged, and the first current context wins", () => {
    const first = write("first", { server: "http://127.0.0.1:1" });
    const second = write("second", { server: "http://127.0.0.1:2" });
    expect(clientConfigFromKubeconfig([first, second].join(delimiter)).server).toBe("http://127.0.0.1:1");
  });

  const broken: [string, string | undefined, string | undefined][] = [
    ["there is no file and no service account", undefined, undefined],
    ["the file is not there", "nowhere", undefined],
    ["it is not YAML", "bad", "{[}"],
    ["it is empty", "empty", ""],
    ["its context names no cluster", "lost", '{"clusters":[],"users":[],"contexts":[]}'],
  ];
  test.each(broken)("says so when %s", (_, name, content) => {
    const path = name === undefined ? undefined : join(folder, name);
    if (path !== undefined && content !== undefined) writeFileSync(path, content);
    expect(() => clientConfigFromKubeconfig(path)).toThrow(NoKubeconfig);
  });
});
