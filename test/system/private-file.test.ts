import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writePrivately } from "../../src/system/private-file.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "herald-private-"));
  path = join(folder, "kubeconfig");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what others may read and was in the way is replaced, not written into", () => {
  for (const there of [path, `${path}.new`]) writeFileSync(there, "before", { mode: 0o666 });
  writePrivately(path, "token");
  expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["token", 0o600]);
  expect(readdirSync(folder)).toEqual(["kubeconfig"]);
});

test("a link in the way leads nowhere", () => {
  const other = join(folder, "other");
  writeFileSync(other, "before");
  for (const link of [path, `${path}.new`]) symlinkSync(other, link);
  writePrivately(path, "token");
  expect([readFileSync(other, "utf8"), readFileSync(path, "utf8")]).toEqual(["before", "token"]);
});
