import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SUBJECTS } from "./subjects.ts";

const files = readdirSync(import.meta.dirname).filter((file) => !/^(main|subjects)\.ts$|\.test\.ts$/.test(file));

describe("fuzz subjects", () => {
  it("are all in the run that are in this folder, each under a name of its own", async () => {
    const found: string[] = [];
    for (const file of files) {
      const module: unknown = await import(join(import.meta.dirname, file));
      for (const value of Object.values(module ?? {})) if (isSubject(value)) found.push(value.name);
    }
    expect(found.length).toBeGreaterThanOrEqual(7);
    expect(SUBJECTS.map(({ name }) => name).toSorted()).toEqual(found.toSorted());
    expect(new Set(found).size).toBe(found.length);
  });

  it.each(SUBJECTS.map((subject) => [subject.name, subject] as const))("%s finds nothing in a moment", (_, subject) => {
    const { runs, finding } = subject.run(1, 200);
    expect(finding).toBeUndefined();
    expect(runs).toBeGreaterThan(0);
  });
});

function isSubject(value: unknown): value is { readonly name: string } {
  return (
    typeof value === "object" && value !== null && "name" in value && "run" in value && typeof value.name === "string"
  );
}
