/** Values a log line may carry: ids and numbers, never whole objects. */
export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** The log as the rest of the program sees it. `msg` is a constant in lower case; everything variable is a field. */
export interface Log {
  trace(msg: string, fields?: LogFields): void;
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  /** A human should look. */
  error(msg: string, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  child(fields: LogFields): Log;
}

/** The fields an error is logged as: `err.code`, `err.message`, `err.cause`. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { "err.message": String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return { "err.code": code, "err.message": error.message, "err.cause": cause };
}
