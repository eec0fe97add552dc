import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { browserCommand } from "../../src/system/browser.ts";
import { until } from "../support/until.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function begin(argv: readonly string[]) {
  const stop = new AbortController();
  const said = { out: "", err: "" };
  const code = runCli(["ui", ...argv], {
    env: {},
    signal: stop.signal,
    stdout: (text) => {
      said.out += text;
    },
    stderr: (text) => {
      said.err += text;
    },
  });
  return { stop, said, code };
}

/** Where no speaker is. */
function nowhere(): string {
  const folder = mkdtempSync(join(tmpdir(), "herald-ui-"));
  folders.push(folder);
  return join(folder, "none.sock");
}

describe("herald ui", () => {
  it("prints where it is, shows who does not answer, and ends cleanly when it is asked to", async () => {
    const socket = nowhere();
    const { stop, said, code } = begin(["--no-open", "--socket", socket]);
    await until("the URL", () => said.out.includes("\n"));
    const { origin, hash } = new URL(said.out.trim());
    const token = hash.replace("#token=", "");
    expect(token).toMatch(/^[\w-]{32}$/);
    const headers = { authorization: `Bearer ${token}` };
    await until("the silent one", async () => {
      const text = await (await fetch(`${origin}/api/v1/overview`, { headers })).text();
      return text.includes("there is no such socket");
    });
    const following = await fetch(`${origin}/api/v1/events`, { headers });
    stop.abort();
    expect(await code).toBe(0);
    await expect(following.text()).rejects.toThrow();
    await expect(fetch(origin)).rejects.toThrow();
  });

  it("says which port is taken, and which flag helps", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const { said, code } = begin(["--no-open", "--socket", nowhere(), "--port", `${port}`]);
    expect(await code).toBe(1);
    expect(said.err).toContain(`cannot serve the looking glass on 127.0.0.1 port ${port}`);
    expect(said.err).toContain("--port takes another port, or 0 for a free one");
    other.close();
  });

  it.each(["0.0.0.0", "::", "10.0.0.1", "example.com"])(
    "refuses to listen on %s: that is no loopback",
    async (address) => {
      const { said, code } = begin(["--socket", nowhere(), "--address", address]);
      expect(await code).toBe(2);
      expect(said.err).toContain("forward the port with ssh -L");
    },
  );
});

describe("the browser", () => {
  it.each([
    ["linux", {}, undefined],
    ["linux", { DISPLAY: "" }, undefined],
    ["linux", { DISPLAY: ":0" }, "xdg-open"],
    ["linux", { DISPLAY: "", WAYLAND_DISPLAY: "wayland-0" }, "xdg-open"],
    ["darwin", {}, "open"],
    ["win32", { DISPLAY: ":0" }, undefined],
  ])("on %s with %j is opened by %s", (platform, environment, command) => {
    expect(browserCommand(platform, environment)).toBe(command);
  });
});
