import { pino } from "pino";
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
      base: fields,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: fd, sync: true }),
  );
  return wrap(logger);
}

interface PinoLike {
  trace(fields: object, msg: string): void;
  debug(fields: object, msg: string): void;
  info(fields: object, msg: string): void;
  warn(fields: object, msg: string): void;
  error(fields: object, msg: string): void;
  child(fields: object): PinoLike;
}

function wrap(logger: PinoLike): Log {
  return {
    trace: (msg, fields = {}) => logger.trace(fields, msg),
    debug: (msg, fields = {}) => logger.debug(fields, msg),
    info: (msg, fields = {}) => logger.info(fields, msg),
    warn: (msg, fields = {}) => logger.warn(fields, msg),
    error: (msg, fields = {}) => logger.error(fields, msg),
    child: (fields) => wrap(logger.child(fields)),
  };
}
