import { type Micros, millis } from "../net/micros.ts";

/** The times an operator may choose; all others follow from them. */
export interface Settings {
  /** How often two members are asked whether they live. */
  readonly probeInterval: Micros;
  /** How long an answer may take on a quick network; a slow one is given what it was seen to take. */
  readonly probeTimeout: Micros;
}

/** A dead member is found in half a second. */
export const DEFAULT_SETTINGS: Settings = { probeInterval: millis(100), probeTimeout: millis(80) };
