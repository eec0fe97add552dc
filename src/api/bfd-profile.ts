import type { BfdProfile } from "./config.ts";
import type { RawObject } from "./object.ts";
import { specReader } from "./raw-object.ts";
import type { ParseResult } from "./read-object.ts";

const INTERVAL = { min: 10, max: 60_000 };

/** Parses a BFDProfile. */
export function parseBfdProfile(object: RawObject): ParseResult<BfdProfile> {
  const spec = specReader(object);
  return spec.problems.resultOf({
    name: object.metadata.name,
    receiveInterval: spec.integer("receiveInterval", INTERVAL),
    transmitInterval: spec.integer("transmitInterval", INTERVAL),
    detectMultiplier: spec.integer("detectMultiplier", { min: 2, max: 255 }),
    echoInterval: spec.integer("echoInterval", INTERVAL),
    echoMode: spec.boolean("echoMode") ?? false,
    passiveMode: spec.boolean("passiveMode") ?? false,
    minimumTtl: spec.integer("minimumTtl", { min: 1, max: 254 }),
  });
}
