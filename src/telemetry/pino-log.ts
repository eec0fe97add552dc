import { type Logger, pino } from "pino";
import type { Log, LogFields } from "./log.ts";

export const LOG_LEVELS = ["all", "debug", "info", "warn", "error", "none"] as const;

/** MetalLB's level names, which the flags take. */
export type LogLevel = (typeof LOG_LEVELS)[number];

const PINO_LEVEL: Record<LogLevel, string> = {
  all: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  none: "silent",
};

/** JSON lines on the given file descriptor (1 is stdout), with `ts` in RFC 3339 and `level` in words. */
export function pinoLog(level: LogLevel, fields: LogFields = {}, fd = 1): Log {
  const logger = pino(
    {
      level: PINO_LEVEL[level],
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: fd, sync: true }),
  );
  return wrap(logger, fields);
}

/** Not pino's own children: they would write a field that parent and child both set twice into one line. */
function wrap(logger: Logger, base: LogFields): Log {
  return {
    trace: (msg, fields) => logger.trace({ ...base, ...fields }, msg),
    debug: (msg, fields) => logger.debug({ ...base, ...fields }, msg),
    info: (msg, fields) => logger.info({ ...base, ...fields }, msg),
    warn: (msg, fields) => logger.warn({ ...base, ...fields }, msg),
    error: (msg, fields) => logger.error({ ...base, ...fields }, msg),
    child: (fields) => wrap(logger, { ...base, ...fields }),
  };
}
