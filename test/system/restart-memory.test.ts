import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { RestartMemory, systemBootId } from "../../src/system/restart-memory.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "restart-memory-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const memory = (boot = "boot-1", failed: (error: Error) => void = unexpected): RestartMemory =>
  new RestartMemory(join(folder, "state"), failed, () => boot);
const unexpected = (error: Error): never => {
  throw error;
};

it("knows the sessions that were up when the last process ended, and not those that said goodbye", () => {
  const first = memory();
  for (const name of ["a", "b"]) first.remember(name);
  first.forget("b");
  expect(first.wasUp("a")).toBe(false);
  const second = memory();
  expect([second.wasUp("a"), second.wasUp("b")]).toEqual([true, false]);
});

it("two restarts in a row are still restarts", () => {
  memory().remember("a");
  memory();
  expect(memory().wasUp("a")).toBe(true);
});

it("a reboot of the machine is no restart of the process", () => {
  memory().remember("a");
  expect(memory("boot-2").wasUp("a")).toBe(false);
  expect(systemBootId()).toMatch(/^[0-9a-f-]{36}$/);
});

it.each(["", "{", "[]", "null", '{"boot":1,"up":[]}', '{"boot":"boot-1"}', '{"boot":"boot-1","up":[1,null]}'])(
  "takes a file that says %s for none",
  (text) => {
    memory().remember("a");
    writeFileSync(join(folder, "state", "sessions.json"), text);
    const after = memory();
    expect(after.wasUp("a")).toBe(false);
    after.remember("b");
    expect(JSON.parse(readFileSync(join(folder, "state", "sessions.json"), "utf8"))).toEqual({
      boot: "boot-1",
      up: ["b"],
    });
  },
);

it("a folder that cannot be written any more costs the memory and nothing else", () => {
  const failures: string[] = [];
  const one = memory("boot-1", (error) => failures.push(error.message));
  rmSync(join(folder, "state"), { recursive: true });
  one.remember("a");
  expect(failures.join()).toContain("ENOENT");
});

it("says what is wrong with a folder it cannot use", () => {
  writeFileSync(join(folder, "state"), "a file");
  expect(() => memory()).toThrow("EEXIST");
});
