import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, expect, test } from "vitest";
import type { AnnouncedRoute } from "../../src/announcement/route-table.ts";
import { peerName } from "../../src/api/brands.ts";
import type { ServiceKey } from "../../src/api/config.ts";
import { AdminSocket } from "../../src/speaker/admin-socket.ts";
import { systemClock } from "../../src/system/clock.ts";
import { prefix } from "../bgp/values.ts";
import { eventually } from "../support/eventually.ts";
import { silentLog } from "../support/silent-log.ts";
import { Admin, ask, askJson, open, SocketFolder } from "./admin-scene.ts";

const NO_ROUTES = {
  answer: () => {
    throw new Error("not asked");
  },
};

function socket(): AdminSocket {
  return new AdminSocket({ clock: systemClock, log: silentLog }, NO_ROUTES);
}

function manyRoutes(count: number): readonly AnnouncedRoute[] {
  return Array.from({ length: count }, (_, i) => ({
    peer: peerName("tor1"),
    prefix: prefix(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`),
    localPref: 100,
    med: undefined,
    asPathPrepend: undefined,
    linkBandwidth: undefined,
    communities: [],
    largeCommunities: [],
    advertisements: ["public"],
    services: [`default/web-${i}` as ServiceKey],
  }));
}

describe("the socket file", () => {
  test("is made with its folder, for its owner alone, and taken away at the end", async () => {
    using folder = new SocketFolder();
    const path = folder.socket("run/herald/speaker.sock");
    const admin = socket();
    await admin.listen(path);
    expect(lstatSync(path).isSocket()).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    admin.close();
    expect(existsSync(path)).toBe(false);
  });

  test("is replaced when the process that made it is dead", async () => {
    using folder = new SocketFolder();
    const path = folder.socket();
    const dying = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(() => execFileSync(process.execPath, ["-e", dying], { stdio: "ignore" })).toThrow();
    expect(lstatSync(path).isSocket()).toBe(true);
    const admin = socket();
    await admin.listen(path);
    admin.close();
  });

  test("is refused while another process answers there, which goes on", async () => {
    using folder = new SocketFolder();
    const path = folder.socket();
    const other = createServer().listen(path);
    try {
      await eventually(() => existsSync(path));
      await expect(socket().listen(path)).rejects.toMatchObject({ code: "ERR_SPEAKER_ADMIN_SOCKET" });
      expect(existsSync(path)).toBe(true);
    } finally {
      other.close();
    }
  });

  test("never takes the place of what is no socket", async () => {
    using folder = new SocketFolder();
    writeFileSync(folder.socket(), "precious");
    await expect(socket().listen(folder.socket())).rejects.toMatchObject({ code: "ERR_SPEAKER_ADMIN_SOCKET" });
    mkdirSync(folder.socket("folder"));
    await expect(socket().listen(folder.socket("folder"))).rejects.toMatchObject({ code: "ERR_SPEAKER_ADMIN_SOCKET" });
  });

  test("of the next process stays when the one before ends late", async () => {
    using folder = new SocketFolder();
    const [first, second] = [socket(), socket()];
    await first.listen(folder.socket());
    // As if the first had been thought dead.
    execFileSync("rm", [folder.socket()]);
    await second.listen(folder.socket());
    first.close();
    expect(existsSync(folder.socket())).toBe(true);
    second.close();
  });

  test("where none can be had says so by name", async () => {
    using folder = new SocketFolder();
    writeFileSync(folder.socket("file"), "");
    chmodSync(folder.socket("file"), 0o600);
    await expect(socket().listen(folder.socket("file/speaker.sock"))).rejects.toMatchObject({
      code: "ERR_SPEAKER_ADMIN_SOCKET",
    });
  });
});

describe("requests", () => {
  test.each([
    ["POST", "/v1/sessions", 405],
    ["DELETE", "/v1/sessions/tor1", 405],
    ["GET", "/", 404],
    ["GET", "/v1", 404],
    ["GET", "/v2/sessions", 404],
    ["GET", "/v1/toString", 404],
    ["GET", "/v1/__proto__", 404],
    ["GET", "/v1/sessions/nobody", 404],
    ["GET", "/v1/sessions/nobody/capture", 404],
    ["GET", "/v1/sessions/%E0%A4%A", 400],
    ["GET", "/v1/moves?tail=-1", 400],
    ["GET", "/v1/moves?tail=1e99", 400],
    ["GET", "/v1/about", 200],
  ])("%s %s is answered with %i, and a refusal has a code", async (method, path, status) => {
    using admin = await Admin.of();
    const reply = await ask(admin.path, path, method);
    expect(reply.status).toBe(status);
    if (status !== 200) expect(JSON.parse(reply.body.toString())).toMatchObject({ code: /^ERR_ADMIN_/ });
  });

  test("what is no HTTP, too long or never finished costs its connection and nothing else", async () => {
    using admin = await Admin.of();
    for (const nonsense of ["\0\0\0\0\r\n\r\n", "GET / HTTP/1.1\r\nx: ".padEnd(100_000, "y"), "GET /v1/about HTT"]) {
      const rude = connect({ path: admin.path });
      rude.on("error", () => {});
      rude.write(nonsense);
      expect((await askJson(admin.path, "/v1/about"))["node"]).toBe("n1");
      rude.destroy();
    }
  });
});

describe("100,000 routes", () => {
  const routes = manyRoutes(100_000);

  test("are sent whole, and no turn of the event loop is long", async () => {
    using admin = await Admin.of({ routes: () => routes });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const answer = await open(admin.path, "/v1/routes/out");
    delay.enable();
    let octets = 0;
    let rows = 0;
    for await (const chunk of answer) {
      octets += chunk.length;
      rows += chunk.toString().split('"prefix"').length - 1;
    }
    delay.disable();
    expect(octets).toBeGreaterThan(10_000_000);
    // A row may be cut between two chunks.
    expect(rows).toBeGreaterThan(99_000);
    // Reader and speaker share this loop, and the machine with others: alone it is a few milliseconds.
    expect(delay.percentile(99) / 1e6).toBeLessThan(100);
  });

  test("are not made for a reader that takes none of them, nor after it is gone", async () => {
    let made = 0;
    function* counted(): Generator<AnnouncedRoute> {
      for (const one of routes) {
        made += 1;
        yield one;
      }
    }
    using admin = await Admin.of({ routes: counted });
    const answer = await open(admin.path, "/v1/routes/out");
    answer.pause();
    await eventually(() => made > 0);
    for (let before = -1; before !== made; ) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const held = made;
    expect(held).toBeLessThan(20_000);
    expect((await askJson(admin.path, "/v1/about"))["node"]).toBe("n1");
    answer.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(made).toBeLessThan(held + 500);
  });

  test("can be asked for one by one", async () => {
    using admin = await Admin.of({ routes: () => routes });
    const reply = await askJson(admin.path, "/v1/routes/out?prefix=10.0.0.7%2F32&service=default/web-7");
    expect(reply["items"]).toHaveLength(1);
    expect((await askJson(admin.path, "/v1/routes/out?peer=other"))["items"]).toEqual([]);
  });
});
