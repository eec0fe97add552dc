import type { Log } from "../../src/telemetry/log.ts";

/** A log that says nothing: tests never assert on log text. */
export const silentLog: Log = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
